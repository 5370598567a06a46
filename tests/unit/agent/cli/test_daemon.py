"""The control socket as the command line uses it, on a real socket."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from agent.cli.daemon import AwayError, NoAnswerError, RefusedError, connect, tell_to_look
from agent.cli.errors import CommandError
from agent.cli.options import Options, choose
from agent.settings import Settings

pytestmark = pytest.mark.real_time

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short path: a socket's name has 108 bytes at most."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def settings(directory: Path) -> Settings:
    return Settings.model_validate(
        {"gateway": {"name": "g"}, "location": "l", "control_socket": str(directory / "c.sock")}
    )


@asynccontextmanager
async def listening(directory: Path, answer: Answer) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(directory / "c.sock")).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def echo(request: web.Request) -> web.Response:
    body = await request.json() if request.can_read_body else None
    return web.json_response(
        {"method": request.method, "path": request.path, "query": dict(request.query), "body": body}
    )


async def test_questions_arrive_as_they_were_asked(directory: Path) -> None:
    async with listening(directory, echo), connect(settings(directory)) as daemon:
        got = await daemon.get("/v1/sessions/s", {"seq": "3", "reader": ""}, wait_s=20)
        posted = await daemon.post("/v1/sessions", {"amount": 1})
    assert got == {
        "method": "GET",
        "path": "/v1/sessions/s",
        "query": {"seq": "3", "wait": "20"},
        "body": None,
    }
    assert posted == {"method": "POST", "path": "/v1/sessions", "query": {}, "body": {"amount": 1}}


async def test_the_socket_is_that_of_the_config_of_the_command(directory: Path) -> None:
    (directory / "gateway.yaml").write_text("gateway: {name: g}\nlocation: l\ncontrol_socket: c.sock\n")

    async def ask() -> str:
        choose(Options(config=directory / "gateway.yaml"))
        async with connect() as daemon:
            return str((await daemon.get("/here"))["path"])

    async with listening(directory, echo):
        assert await ask() == "/here"


async def test_a_refusal_keeps_its_code(directory: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        error = {"type": "invalid_request_error", "code": "reader_busy", "message": "reader 'r' is busy"}
        return web.json_response({"error": error}, status=409)

    async with listening(directory, refuse), connect(settings(directory)) as daemon:
        with pytest.raises(RefusedError, match="reader 'r' is busy") as caught:
            await daemon.post("/v1/sessions", {})
    assert (caught.value.code, caught.value.status) == ("reader_busy", 409)


async def test_one_that_is_stopping_is_away(directory: Path) -> None:
    async def stopping(request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "shutting_down", "message": "later"}}, status=503)

    async with listening(directory, stopping), connect(settings(directory)) as daemon:
        with pytest.raises(AwayError, match="later") as caught:
            await daemon.get("/v1/readers")
    assert not isinstance(caught.value, NoAnswerError)


async def test_bad_health_is_an_answer(directory: Path) -> None:
    async def failing(request: web.Request) -> web.Response:
        return web.json_response({"status": "failing"}, status=503)

    async with listening(directory, failing), connect(settings(directory)) as daemon:
        assert await daemon.get("/v1/health") == {"status": "failing"}


async def test_a_connection_that_dies_leaves_it_open_what_was_done(directory: Path) -> None:
    async def die(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with listening(directory, die), connect(settings(directory)) as daemon:
        with pytest.raises(NoAnswerError, match=r"did not answer POST /v1/x") as caught:
            await daemon.post("/v1/x", {})
    assert "tillgate sessions" in caught.value.fix


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff"])
async def test_somebody_else_at_the_socket(directory: Path, body: bytes) -> None:
    async def other(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with listening(directory, other), connect(settings(directory)) as daemon:
        with pytest.raises(NoAnswerError, match=r"is not the daemon's \(status 200\)"):
            await daemon.get("/v1/x")


async def test_nobody_there(directory: Path) -> None:
    async with connect(settings(directory)) as daemon:
        with pytest.raises(AwayError, match="does not run: nobody listens at") as caught:
            await daemon.get("/v1/x")
    assert "systemctl start tillgate" in caught.value.fix


async def test_a_socket_that_is_not_for_us(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may open any socket, so the refusal is played."""
    import asyncio

    async def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    async with connect(settings(directory)) as daemon:
        monkeypatch.setattr(asyncio.get_running_loop(), "create_unix_connection", refused)
        with pytest.raises(CommandError, match="permission denied") as caught:
            await daemon.get("/v1/x")
    assert "member of the group tillgate" in caught.value.fix


async def test_a_daemon_that_runs_is_told_to_look(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        return web.json_response({"object": "fleet_look"}, status=202)

    async with listening(directory, take):
        await tell_to_look(settings(directory))
    assert asked == ["POST /v1/fleet/look"]
    assert capsys.readouterr().err == "the daemon has been told\n"


async def test_without_a_daemon_there_is_nobody_to_tell(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await tell_to_look(settings(directory))
    assert capsys.readouterr().err == ""


async def test_a_daemon_that_will_not_be_told_does_not_undo_what_was_done(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        error = {"code": "route_not_found", "message": f"there is no {request.path}"}
        return web.json_response({"error": error}, status=404)

    async with listening(directory, refuse):
        await tell_to_look(settings(directory))
    told = "the daemon could not be told, and looks at its next turn: there is no /v1/fleet/look\n"
    assert capsys.readouterr().err == told
