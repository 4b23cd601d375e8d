"""``demo``: two nodes with a history. What happens in it is told in ``tallystick.cli.demo``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Where it lives."
)
@click.option("--no-serve", is_flag=True, help="Only build it, or bring it up to date.")
@click.option("--fresh", is_flag=True, help="Start over.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def demo(folder: Path, no_serve: bool, fresh: bool, no_browser: bool) -> int:
    """Build and run two paired nodes with a year of history.

    Japan on 127.0.0.1:8101 and India on 127.0.0.1:8102, each in its own folder. Resumes what is there. Stop with
    Ctrl-C.
    """
    from tallystick.cli.demo.run import run

    return run(folder, serve=not no_serve, fresh=fresh, browser=not no_browser)
