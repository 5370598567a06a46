"""Where the door listens, and who can reach it there."""

import os
import socket
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.pos import listening
from agent.pos.http import make_app
from agent.pos.listening import ListenError, on_tcp, on_unix
from agent.pos.metrics import Metrics
from tests.unit.agent.pos.fake_desk import FakeDesk
from tests.unit.agent.pos.test_caller import FakeTills

pytestmark = pytest.mark.real_time


def _app(*, operator: bool = False) -> web.Application:
    return make_app(FakeDesk(), FakeTills(), None, lambda: {"status": "ok"}, Metrics(), operator=operator)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def precious(path: Path) -> Path:
    path.write_text("not a socket")
    return path


def _mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


async def _health(path: Path) -> int:
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
        client.get("http://localhost/v1/readers") as response,
    ):
        return response.status


async def test_a_free_port_is_told_and_freed() -> None:
    async with on_tcp(_app(), "127.0.0.1", 0) as port:
        assert port > 0
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}"):
            async with on_tcp(_app(), "127.0.0.1", port):
                raise AssertionError("two doors in one place")
    async with on_tcp(_app(), "127.0.0.1", port) as again:
        assert again == port


async def test_the_control_socket_is_for_those_the_mode_lets(path: Path) -> None:
    for mode in (0o660, 0o600):
        async with on_unix(_app(operator=True), path, mode=mode):
            assert _mode(path) == mode
            assert await _health(path) == 200
        assert _mode(path) is None


async def test_the_mode_is_there_before_the_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda self, _mode: modes.append(self.stat().st_mode & 0o777))
    before = os.umask(0o000)
    try:
        async with on_unix(_app(operator=True), path, mode=0o600):
            assert modes == [0o600]
    finally:
        os.umask(before)


async def test_what_a_killed_gateway_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))

    async with on_unix(_app(operator=True), path):
        assert await _health(path) == 200


async def test_a_living_gateway_is_not_pushed_aside(path: Path) -> None:
    async with on_unix(_app(operator=True), path):
        with pytest.raises(ListenError, match="another gateway"):
            async with on_unix(_app(operator=True), path):
                raise AssertionError("two gateways in one place")
        assert await _health(path) == 200


async def test_a_file_is_not_removed(precious: Path) -> None:
    with pytest.raises(ListenError, match="a file of that name"):
        async with on_unix(_app(operator=True), precious):
            raise AssertionError("opened over a file")
    assert _mode(precious) is not None


async def test_a_place_that_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="No such file"):
        async with on_unix(_app(operator=True), tmp_path / "nowhere" / "control.sock"):
            raise AssertionError("opened nowhere")


def test_a_name_that_is_gone_already_is_no_trouble(path: Path) -> None:
    listening._forget(path)
    assert not path.exists()
