"""The daemon's frugal start: what is left out, and that everything is as before afterwards."""

import gc
import json
import os
import subprocess
import sys

import pytest

from agent.startup import frugal

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYDANTIC_DISABLE_PLUGINS", "FROZENLIST_NO_EXTENSIONS"):
        monkeypatch.setenv(name, "")


def test_garbage_is_looked_for_as_before_but_not_among_what_was_loaded() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    with frugal():
        assert gc.get_threshold() != usual
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > frozen
    gc.unfreeze()


def test_garbage_is_looked_for_as_before_after_a_failed_start() -> None:
    usual = gc.get_threshold()
    with pytest.raises(ImportError), frugal():
        raise ImportError
    assert gc.get_threshold() == usual
    gc.unfreeze()


@pytest.mark.parametrize("given", ["/some/where", None])
def test_where_the_certificates_are_is_told_as_before(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
        if given is not None:
            monkeypatch.setenv(name, given)
    with frugal():
        assert [os.environ.get(name) for name in _CERTIFICATES] == [given, given]
    gc.unfreeze()


_START = """
import json, sys
from agent.startup import frugal
with frugal():
    import agent.app
from aiohttp import connector
heavy = ["rich", "agent.stripe.client", "agent.fleet.reconciler", "agent.pos.openapi", "yaml"]
trusted = len(connector._SSL_CONTEXT_VERIFIED.get_ca_certs())
print(json.dumps([trusted, [name for name in heavy if name in sys.modules]]))
"""


def test_a_daemon_loads_neither_certificates_nor_what_it_may_never_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START], check=True, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout) == [0, ["yaml"]]
