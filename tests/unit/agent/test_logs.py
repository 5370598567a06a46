"""Log lines: their shape, their fields, and what must never stand in one."""

import asyncio
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agent import logs
from agent.secret import Secret

CARD = "4242424242424242"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The root logger as it was: pytest's own handlers live there too."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(form: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.setup(form, level, stream=stream)
    return stream


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_plain_line_has_the_utc_time_level_logger_and_message() -> None:
    stream = lines("plain")
    record = logging.makeLogRecord(
        {
            "name": "agent.lane",
            "levelno": 20,
            "levelname": "INFO",
            "msg": "sold %s",
            "args": ("x",),
            "created": 0,
        }
    )
    logging.getLogger().handle(record)
    assert stream.getvalue() == "1970-01-01T00:00:00.000Z INFO agent.lane: sold x\n"


def test_fields_reach_every_line_inside_and_none_outside() -> None:
    stream = lines("plain")
    log = logging.getLogger("agent.lane")
    with logs.fields(session="s1", reader="till 1"):
        with logs.fields(reader=""):
            log.info("inner")
        log.info("outer")
    log.info("none")
    shown = [line.split("agent.lane: ")[1] for line in stream.getvalue().splitlines()]
    assert shown == ['inner session=s1 reader=""', 'outer session=s1 reader="till 1"', "none"]


async def test_fields_follow_into_tasks_that_start_inside() -> None:
    stream = lines("json")

    async def work() -> None:
        logging.getLogger("x").info("working")

    async with asyncio.TaskGroup() as group:
        with logs.fields(session="s1"):
            group.create_task(work(), name="work")
    assert only(stream)["session"] == "s1"


def test_a_json_line_carries_extra_fields_with_their_types() -> None:
    stream = lines("json")
    extra = {"amount": 1250, "ok": True, "none": None, "list": [1, CARD], "map": {"k": CARD}, "share": 0.5}
    logging.getLogger("x").warning("done", extra=extra)
    found = only(stream)
    assert found["level"] == "warning"
    assert found["logger"] == "x"
    assert found["message"] == "done"
    assert found["at"].endswith("Z")
    assert (found["amount"], found["ok"], found["none"], found["share"]) == (1250, True, None, 0.5)
    assert found["list"] == [1, "************4242"]
    assert found["map"] == {"k": "************4242"}


def test_a_field_cannot_overwrite_the_message() -> None:
    stream = lines("json")
    with logs.fields(level="mine"):
        logging.getLogger("x").info("m")
    assert only(stream)["level"] == "info"


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_traceback_is_logged_and_masked(form: str) -> None:
    stream = lines(form)
    try:
        raise ValueError(f"read {CARD} with sk_test_abcDEF123")
    except ValueError:
        logging.getLogger("x").exception("broken")
    text = stream.getvalue()
    assert "ValueError" in text
    assert "Traceback" in text
    assert CARD not in text
    assert "abcDEF123" not in text


def test_the_level_holds_and_a_second_setup_replaces_the_first() -> None:
    first = lines("plain", "debug")
    second = lines("plain", "error")
    logging.getLogger("x").warning("unheard")
    logging.getLogger("x").error("heard")
    assert first.getvalue() == ""
    assert "unheard" not in second.getvalue()
    assert "heard" in second.getvalue()


def test_stderr_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup()
    logging.getLogger("x").info("hello")
    logging.getLogger("aiohttp.access").info("GET /")
    captured = capsys.readouterr()
    assert "hello" in captured.err
    assert "GET /" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(("level", "priority"), [(10, 7), (20, 6), (30, 4), (40, 3), (50, 2)])
@pytest.mark.parametrize("form", ["plain", "json"])
def test_the_journal_gets_priorities_and_no_time(
    form: str, level: int, priority: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        logs.setup(form, "debug", stream=stream)
        logging.getLogger("x").log(level, "two\nlines")
        stream.seek(0)
        written = stream.read().splitlines()
    assert all(line.startswith(f"<{priority}>") for line in written)
    assert len(written) == (2 if form == "plain" else 1)
    if form == "plain":
        assert written[0].endswith(f"{logging.getLevelName(level)} x: two")


def test_another_stream_than_the_journals_gets_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    stream = lines("plain")
    logging.getLogger("x").info("m")
    assert stream.getvalue()[:2] == "20"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CARD, "************4242"),
        (f"number={CARD},", "number=************4242,"),
        ("4242 4242 4242 4242", "************4242"),
        ("4242-4242-4242-4242", "************4242"),
        ("378282246310005", "***********0005"),
        ("6304000000000000000", "***************0000"),
        ("6304000000000000001", "6304000000000000001"),
        ("4242424242424241", "4242424242424241"),  # fails Luhn: a number, not a card's
        ("1700000000000", "1700000000000"),  # milliseconds
        ("42424242424242424242", "42424242424242424242"),  # twenty digits
        ("4000 0000 0000 0000000", "4000 0000 0000 0000000"),
        ("key sk_test_4eC39HqLyjWDarjtT1zdp7dc!", "key sk_test_***!"),
        ("rk_live_abc", "rk_live_***"),
        ("pst_test_YWNjdF8x", "pst_test_***"),
        ("whsec_abc123", "whsec_***"),
        ("pi_1_secret_XyZ", "pi_1_secret_***"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer ***"),
        ("basic dXNlcjpwYXNz", "basic ***"),
        ("pi_3PqR session 0192f0c1", "pi_3PqR session 0192f0c1"),
    ],
)
def test_masking(text: str, shown: str) -> None:
    assert logs.mask(text) == shown


def test_arguments_and_keys_of_fields_are_masked_too() -> None:
    stream = lines("json")
    logging.getLogger("x").info("card %s", CARD, extra={"number": int(CARD), "deep": {CARD: {("a", CARD)}}})
    assert CARD not in stream.getvalue()
    assert stream.getvalue().count("4242") == 4


def test_a_secret_stays_hidden() -> None:
    stream = lines("json")
    logging.getLogger("x").info("key %s", Secret("very"), extra={"key": Secret("very")})
    assert "very" not in stream.getvalue()


def test_a_closed_stream_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    logs.setup()
    assert any(isinstance(handler.formatter, logs.PlainFormatter) for handler in logging.getLogger().handlers)
