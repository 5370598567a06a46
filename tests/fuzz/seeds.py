"""What a search begins with: the cases of tests/cases/zvt, each in the shape that a target takes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivers.zvt.analyser import Analyser
from tests.fuzz.targets import AFTER, REGISTER, TERMINAL

CASES = Path(__file__).parents[1] / "cases" / "zvt"
FOUND = CASES / "found.json"
"""What earlier searches found, as `[{"target", "data", "was"}]`."""


def _load(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((CASES / name).read_text(encoding="utf-8"))
    return loaded


def _wires() -> Iterator[bytes]:
    for name in ("messages.json", "malformed.json"):
        for case in _load(name):
            yield bytes.fromhex(case["wire"])


def _dialogues() -> Iterator[list[tuple[str, bytes]]]:
    for case in _load("dialogues.json"):
        yield [(side, bytes.fromhex(text)) for side, text in case["steps"] if side in "<>"]


def found() -> list[dict[str, Any]]:
    """The findings, which every run of the tests looks at again."""
    return _load(FOUND.name)


def seeds(target: str) -> Iterator[bytes]:
    """Inputs for one target."""
    yield from _MAKERS[target]()
    for case in found():
        if case["target"] == target:
            yield bytes.fromhex(case["data"])


def _messages() -> Iterator[bytes]:
    for wire in _wires():
        for number in range(len(AFTER)) if wire[:1] in {b"\x80", b"\x84"} or wire[:2] == b"\x06\x0f" else [0]:
            yield bytes((number,)) + wire


def _streams() -> Iterator[bytes]:
    for number, steps in enumerate(_dialogues()):
        yield bytes((number,)) + b"".join(data for _, data in steps)
    for number, wire in enumerate(_wires()):
        yield bytes((number % 16,)) + wire


def _fields() -> Iterator[bytes]:
    for wire in _wires():
        yield wire[3:]
        yield wire[6:]


def _frames() -> Iterator[bytes]:
    for number, case in enumerate(_load("frames.json")):
        yield bytes((number,)) + bytes.fromhex(case["wire"])
        yield bytes((number,)) + b"\x06" + bytes.fromhex(case["wire"]) + b"\x15\x10\x02"


def _register() -> Iterator[bytes]:
    send, receive, answer = (bytes((REGISTER.index(name),)) for name in ("send", "receive", "answer with"))
    for steps in _dialogues():
        yield b"".join(
            (receive if side == "<" else answer if data[0] in {0x80, 0x84} else send) + data
            for side, data in steps
        )


def _terminal() -> Iterator[bytes]:
    for steps in _dialogues():
        yield b"\x03" + b"".join(_terminal_step(side, data) for side, data in steps)


def _terminal_step(side: str, data: bytes) -> bytes:
    def step(name: str, more: bytes) -> bytes:
        return bytes((TERMINAL.index(name),)) + more

    if side == ">":
        return step("receive", data)
    if data[0] == 0x80:
        return step("accept", b"")
    if data[0] == 0x84:
        return step("refuse", data[1:2])
    if data[:2] == b"\x06\x0f":
        return step("complete with", data)
    return step("abort", data[3:4]) if data[:2] == b"\x06\x1e" else step("tell", data)


def _both() -> Iterator[bytes]:
    for steps in _dialogues():
        yield b"\x01" + b"".join(data for _, data in steps if data[0] not in {0x80, 0x84})


def _lines() -> Iterator[bytes]:
    for wire in _wires():
        yield wire.hex().encode()
    for case in _load("frames.json"):
        yield f"> {case['wire']} # a frame".encode()


def _notation() -> Iterator[bytes]:
    for wire in _wires():
        for item in Analyser(raw=True).line(wire.hex()):
            yield json.dumps(item).encode()


_MAKERS = {
    "message": _messages,
    "apdus": _streams,
    "fields": _fields,
    "frames": _frames,
    "register": _register,
    "terminal": _terminal,
    "both": _both,
    "lines": _lines,
    "notation": _notation,
}
