"""What every test shares: determinism, a home of its own, and a loud word about tests that could not run."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from loopback import Neighbourhood

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_FLAGS = (  # the browser talks to the node under test and to nobody else
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
)
NOT_RUN = "could not run here: "

# The suite draws the same examples every time; `--long` draws new ones, and prints how to repeat a failure.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("long", max_examples=1000, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch for tests that take minutes."""
    parser.addoption("--long", action="store_true", help="also run the tests that take minutes")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples the property tests draw."""
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with those in browsers, the longest; leave the long tests out unless they were asked for."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@functools.cache
def browser_path() -> str | None:
    """Return the Chromium of this machine, or the one that COMMONS_BROWSER names; None if there is none."""
    found = (shutil.which(name) for name in BROWSER_NAMES)
    return os.environ.get("COMMONS_BROWSER") or next((path for path in found if path), None)


@functools.cache
def lacks_namespaces() -> str | None:
    """Return why this machine makes no network namespaces; None if it does."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    ip = shutil.which("ip")
    if ip is None:
        return "there is no `ip` here (Debian: apt install iproute2)"
    name = f"commons-probe-{os.getpid()}"
    tried = subprocess.run([ip, "netns", "add", name], check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        return f"`ip netns add` failed: {tried.stderr.strip()}"
    subprocess.run([ip, "netns", "delete", name], check=True)
    return None


def lacks_browser() -> str | None:
    """Return why browser tests cannot run; None if they can."""
    if browser_path():
        return None
    return "there is no Chromium here (Debian: apt install chromium libatomic1), and COMMONS_BROWSER names none"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine cannot run, or fail where it was promised."""
    for marker, lacks in (("browser", lacks_browser), ("netns", lacks_namespaces)):
        if item.get_closest_marker(marker) is None or (reason := lacks()) is None:
            continue
        if os.environ.get(f"COMMONS_REQUIRE_{marker.upper()}"):
            pytest.fail(f"COMMONS_REQUIRE_{marker.upper()} is set, but {reason}", pytrace=False)
        pytest.skip(NOT_RUN + reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests this machine could not run."""
    skips = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    told = [skip[2] for skip in skips if isinstance(skip, tuple)]  # (file, line, reason)
    reasons = [text.split(NOT_RUN, 1)[1] for text in told if NOT_RUN in text]
    if not reasons:
        return
    terminalreporter.section(f"{len(reasons)} TESTS COULD NOT RUN HERE", red=True, bold=True)
    for reason in sorted(set(reasons)):
        terminalreporter.write_line(f"{reasons.count(reason)}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test, and every process it starts, away from the node of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMMONS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["Neighbourhood"]:
    """Start real nodes on loopback, and stop them afterwards."""
    from loopback import Neighbourhood  # only tests of whole nodes pay for this import

    monkeypatch.setenv("COMMONS_STATE_DIR", str(tmp_path / "state"))
    neighbourhood = Neighbourhood(tmp_path)
    yield neighbourhood
    await neighbourhood.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Give one running headless Chromium (playwright's sync `Browser`); mark its tests `browser`."""
    from playwright.sync_api import sync_playwright  # only browser tests pay for this import

    flags = [*BROWSER_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser_path(), args=flags)
        yield running
        running.close()
