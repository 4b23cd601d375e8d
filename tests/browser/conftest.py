"""One demo for all journeys in this folder: built once, served by two processes, looked at through one browser."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.browser import stage as staging

expect.set_options(timeout=staging.PATIENCE_MS)


@pytest.fixture(scope="session")
def built_demo(tmp_path_factory):
    """The folder of a demo on the day before the ship arrives. Nobody serves it: who plays in it takes a copy."""
    return staging.build(tmp_path_factory.mktemp("demo") / "built")


@pytest.fixture(scope="session")
def demo_nodes(built_demo):
    with staging.nodes(staging.copy(built_demo, built_demo.with_name("played"))) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def chromium_browser():
    # One for each module: Playwright keeps a loop in this thread, under which Django's own tests would not run.
    with staging.browser() as browser:
        yield browser


@pytest.fixture
def stage(chromium_browser, demo_nodes):
    """The demo's nodes, and windows on them; no page may complain on its console or answer with an error."""
    with staging.opened(chromium_browser, demo_nodes) as stage:
        yield stage


@pytest.fixture
def stage_apart(chromium_browser, built_demo, tmp_path):
    """As ``stage``, with nodes that cannot reach each other."""
    folder = staging.pull_the_network(staging.copy(built_demo, tmp_path / "apart"))
    with staging.nodes(folder) as nodes, staging.opened(chromium_browser, nodes) as stage:
        yield stage


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep what every window showed when a journey failed, under test-results/."""
    report = yield
    if report.failed and call.when == "call":
        for stage in getattr(item, "funcargs", {}).values():
            if isinstance(stage, staging.Stage):
                report.sections.append(("Windows", "\n".join(stage.keep(Path("test-results") / item.name))))
    return report
