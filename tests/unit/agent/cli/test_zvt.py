"""`tillgate zvt decode|encode` as people call it."""

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agent.cli.zvt import register

PAN = "4012888888881881"


def make() -> typer.Typer:
    app = typer.Typer()

    @app.callback()
    def everywhere() -> None:
        """Stand for the whole command."""

    register(app)
    return app


def run(*words: str, stdin: bytes | str | None = None) -> tuple[int, list[dict[str, Any]], str]:
    result = CliRunner().invoke(make(), ["zvt", *words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def encode(*words: str, stdin: str | None = None) -> tuple[int, list[str], str]:
    result = CliRunner().invoke(make(), ["zvt", "encode", *words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout.split(), result.stderr


def test_a_message_as_an_argument() -> None:
    code, [shown], _ = run("decode", "06010A04000000001234490978")
    assert code == 0
    assert shown == {
        "cmd": "0601",
        "len": 10,
        "bmp": {"04": "000000001234", "49": "0978"},
        "amount_minor": 1234,
        "text": "payment, 12.34 EUR",
    }


def test_the_bytes_of_one_message_as_arguments() -> None:
    code, [shown], _ = run("decode", "06", "01", "0x0A", "04", "000000001234", "49", "0978")
    assert code == 0
    assert shown["amount_minor"] == 1234


def test_several_messages_as_arguments() -> None:
    code, shown, _ = run("decode", "800000", "zz", "04FF010A")
    assert code == 1
    assert [item.get("cmd") for item in shown] == ["8000", None, "04FF"]


def test_lines_of_stdin_go_on_behind_a_malformed_one() -> None:
    lines = b"060F00\n\n# comment\n060103990000\n\xff\xfe\n80 00 00\n"
    code, shown, stderr = run("decode", stdin=lines)
    assert code == 1
    assert [item.get("cmd") for item in shown] == ["060F", None, None, "8000"]
    assert shown[1]["error"] == "unknown BMP 99"
    assert stderr == ""


def test_serial_frames_and_signals_as_arguments() -> None:
    code, shown, _ = run("decode", "--serial", "1002060F001003C633", "06")
    assert code == 0
    assert [item.get("crc", item.get("link")) for item in shown] == ["C633", "ACK"]


def test_captures_cut_anywhere() -> None:
    code, shown, _ = run("decode", "--stream", stdin="06D3\nFF\n61 not hex\n0104\n8000")
    assert code == 1
    assert shown[0]["error"].startswith("'n'")
    code, shown, _ = run("decode", "--stream", stdin="80\n0000 04\nFF010A\n")
    assert code == 0
    assert [item["cmd"] for item in shown] == ["8000", "04FF"]


def test_lines_of_a_dialogue() -> None:
    code, shown, _ = run("decode", "--dialogue", stdin="0FA1020001\n060F0331324A\n")
    assert code == 0
    assert shown[1]["raw"] == "31324a"


def test_masked_unless_raw() -> None:
    wire = "040F0D270022F0F8" + PAN
    assert PAN not in json.dumps(run("decode", wire)[1])
    assert run("decode", "--raw", wire)[1][0]["bmp"]["22"] == PAN


def test_character_set_and_ignored_output_format() -> None:
    code, [shown], _ = run("decode", "-o", "json", "--charset", "iso8859-1", "06D10240C4")
    assert code == 0
    assert shown["text"] == "Ä"


def test_what_was_decoded_is_encoded_again() -> None:
    wires = ["06010A04000000001234490978", "060FFF01000A", "06D10240C4", "060103990000"]
    _, shown, _ = run("decode", "--raw", stdin="\n".join(wires))
    code, back, _ = encode(stdin="\n".join(json.dumps(item) for item in shown) + "\n\n")
    assert code == 0
    assert back == wires


def test_objects_as_arguments() -> None:
    assert encode('{"cmd": "060F"}', '{"link": "ACK"}') == (0, ["060F00", "06"], "")


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"cmd": 1}', '{"cmd": "0601", "bmp": {"04": "00"}}', "[" * 100_000]
)
def test_what_makes_no_message_is_told_with_its_line(line: str) -> None:
    code, back, stderr = encode(stdin=f'{{"cmd": "060F"}}\n{line}\n')
    assert code == 1
    assert back == ["060F00"]
    assert stderr.startswith("line 2: ")


def test_the_conformance_of_the_door_with_its_proofs() -> None:
    listed = json.loads(CliRunner().invoke(make(), ["zvt", "conformance", "-o", "json"]).stdout)
    payment = next(row for row in listed if row["command"] == "0601")
    assert (payment["from"], payment["support"]) == ("register", "done")
    assert payment["test"].endswith("test_payments.py::test_the_registers_word_decides")
    page = CliRunner().invoke(make(), ["zvt", "conformance", "--markdown"]).stdout
    assert page.startswith("| command |")
    assert "Never sent: " in page
