"""Options for tests on real terminals, and the question before money is moved."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.contract import Money, ReaderConfig, ReaderName
from drivers.readers.zvt_options import setup_of
from drivers.readers.zvt_profiles import PROFILES
from tests.hil.bench import TerminalBench

HERE = Path(__file__).parent
HOW = (
    "say which terminal: pytest tests/hil --reader=serial:///dev/serial/by-id/... (or tcp://HOST:20007) "
    "[--profile NAME] [--amount N]. It sells for one cent and takes the sale back, after asking."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption("--reader", metavar="LINK", help="the terminal, as `link` in a fleet file")
    group.addoption("--profile", default="standard", choices=sorted(PROFILES), help="which kind of terminal")
    group.addoption("--password", metavar="DIGITS", help="the register's password, if not the profile's")
    group.addoption("--currency", default="eur", help="of the terminal (default: eur)")
    group.addoption(
        "--amount", type=int, default=1, help="minor units of the sale (default: 1); some acquirers take no 1"
    )
    group.addoption(
        "--yes-charge-one-cent", action="store_true", help="do not ask before the sale: for test benches"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--reader"):
        return
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    if ours and len(ours) == len(items):
        raise pytest.UsageError(HOW)
    for item in ours:
        item.add_marker(pytest.mark.skip(reason=HOW))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says something to the person at the terminal, whatever pytest captures."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n>>> {text}", flush=True)

    return say


@pytest.fixture
def consent(request: pytest.FixtureRequest) -> None:
    """Somebody has typed yes, or the bench is there for it; else the test is skipped."""
    if request.config.getoption("--yes-charge-one-cent"):
        return
    amount, currency = request.config.getoption("--amount"), request.config.getoption("--currency")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    capture.suspend_global_capture(in_=True)
    try:
        answer = input(
            f"\n>>> This takes {amount} (minor units) {currency.upper()} from a real card at "
            f"{request.config.getoption('--reader')} and gives it back. Type yes to go on: "
        )
    except EOFError:
        answer = ""
    finally:
        capture.resume_global_capture()
    if answer.strip() != "yes":
        pytest.skip("nobody typed yes: no money was moved")


@pytest.fixture
def bench(request: pytest.FixtureRequest, tell: Callable[[str], None]) -> Iterator[TerminalBench]:
    """The terminal; says loudly when it kept money."""
    option = request.config.getoption
    options = {"link": option("--reader"), "profile": option("--profile"), "currency": option("--currency")}
    if option("--password"):
        options["password"] = option("--password")
    setup = setup_of(ReaderConfig(ReaderName("the terminal"), "zvt", options))
    bench = TerminalBench(setup, Money(option("--amount"), option("--currency")), tell)
    yield bench
    if bench.kept:
        tell(f"THE TERMINAL KEPT {bench.kept} (minor units). Take the sale back by hand, at the terminal.")
