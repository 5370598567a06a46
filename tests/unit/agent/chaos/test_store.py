"""The files of a simulated store are those of a real one."""

from pathlib import Path

from agent.chaos.plan import PATIENCE_S
from agent.chaos.store import furnish
from agent.fleet.contents import LocalContents
from agent.fleet.sources import FileSource
from agent.settings import load


def test_the_files_are_what_a_gateway_reads(tmp_path: Path) -> None:
    path = furnish(tmp_path, ("a", "b"), {"c": "tcp://127.0.0.1:1"}, base_url="http://127.0.0.1:9", port=1234)
    settings = load(path)
    assert settings.doors.http is not None
    assert settings.doors.http.port == 1234
    assert settings.stripe is not None
    assert settings.stripe.base_url == "http://127.0.0.1:9"
    assert settings.payments.payment_timeout_s == PATIENCE_S
    reading = FileSource(settings.fleet.paths, LocalContents()).read()
    assert reading.problems == ()
    assert reading.state is not None
    assert set(reading.state.readers) == {"a", "b", "c"}
