"""``init``: a new node."""

from __future__ import annotations

from pathlib import Path

import click

from tallystick.cli.shell import Shell, facts, json_option, pass_shell, print_json, say


@click.command()
@click.option("--party", required=True, metavar="CODE", help="Your side: JP, IN, or your agency's code.")
@click.option("--party-name", required=True, help="Its name, as partners read it.")
@click.option("--name", "node_name", required=True, help="This installation's name: Headquarters, JS Izumo.")
@click.option("--listen", default="127.0.0.1:8101", show_default=True, metavar="HOST:PORT", help="Where to serve.")
@click.option("--url", "public_url", default="", help="How officers and partners reach it, if not at --listen.")
@click.option("--database", default="node.db", show_default=True, help="A file in the folder, or postgresql://…")
@click.option("--time-zone", default="UTC", show_default=True, help="The place's zone: Asia/Tokyo.")
@json_option
@pass_shell
def init(
    shell: Shell,
    party: str,
    party_name: str,
    node_name: str,
    listen: str,
    public_url: str,
    database: str,
    time_zone: str,
    as_json: bool,
) -> None:
    """Make a new node in a folder.

    The folder given with --node must be missing or empty. It then holds node.toml, the keys, the database and a place
    for courier files. Keep a copy of keys/ where the node's thief does not find it.
    """
    from tallystick.app.settings import NodeSettings
    from tallystick.core import signing
    from tallystick.stores.node import init_node

    folder = Path(shell.folder).absolute()
    node = init_node(
        folder,
        NodeSettings(
            folder=folder,
            party=party,
            party_name=party_name,
            node_name=node_name,
            listen=listen,
            public_url=public_url,
            database=database,
            time_zone=time_zone,
        ),
    )
    node.store.close()
    told = {
        "folder": str(folder),
        "party": party,
        "key_id": signing.readable_id(node.keys.public("root")),
        "url": node.settings.url,
    }
    if as_json:
        print_json(told)
        return
    facts({"node": folder, "party": f"{party} ({party_name})", "key id": told["key_id"], "address": told["url"]})
    say("Next: exchange cards with the partner (tallystick pair card), or serve the node (tallystick serve).")
