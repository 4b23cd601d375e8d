"""One demo for all journeys in this folder: built once, served by two processes, looked at through one browser."""

from pathlib import Path

import pytest
from tests.browser import stage as staging


@pytest.fixture(scope="session")
def built_demo(tmp_path_factory):
    """The folder of a demo on the day before the ship arrives. Whoever plays in it takes a copy."""
    return staging.build(tmp_path_factory.mktemp("demo") / "demo")


@pytest.fixture(scope="module")
def chromium_browser():
    # One for each module: Playwright keeps a loop in this thread, under which Django's own tests would not run.
    with staging.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def demo_nodes(built_demo):
    with staging.nodes(built_demo) as nodes:
        yield nodes


@pytest.fixture
def stage(chromium_browser, demo_nodes):
    """The demo's nodes, and windows on them; no page may complain on its console or answer with an error."""
    stage = staging.Stage(chromium_browser, demo_nodes)
    yield stage
    stage.close()
    assert stage.told == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep what every window showed when a journey failed, under test-results/."""
    report = yield
    stage = getattr(item, "funcargs", {}).get("stage")
    if report.failed and call.when == "call" and stage is not None:
        report.sections.append(("Windows", "\n".join(stage.keep(Path("test-results") / item.name))))
    return report
