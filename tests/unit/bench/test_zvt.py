"""What is measured of ZVT is what it says: the lengths, the comparison, and a payment that really is one."""

from pathlib import Path

import pytest

from bench import parts, zvt
from bench.parts import Effort
from bench.zvt_messages import messages
from drivers.zvt.commands.codec import decode_bytes, encode

QUICK = Effort(slices=1, payments=1)


def test_messages_are_as_long_as_those_of_the_others() -> None:
    sizes = {name: len(encode(message)) for name, message in messages().items()}
    assert sizes == {
        "06 01 payment": 17,
        "06 00 registration, TLV": 99,
        "04 FF intermediate, text": 33,
        "04 0F status": 159,
        "04 0F status, TLV": 209,
        "06 D3 receipt": 1000,
    }
    assert set(sizes) == set(zvt.ECRTERM)
    for message in messages().values():
        assert decode_bytes(encode(message)) == message


@pytest.mark.real_time
def test_each_kind_has_a_figure_and_a_payment_is_made(tmp_path: Path) -> None:
    figures = {figure.name: figure for figure in parts.terminals(tmp_path, QUICK)}
    for name, message in messages().items():
        size = len(encode(message))
        read, written = figures[f"decode {name}, {size} B"], figures[f"encode {name}, {size} B"]
        assert read.value > 0 < written.value
        assert (read.least, written.least) == tuple(10 * rate for rate in zvt.ECRTERM[name])
    paid = figures["payment over a pty"]
    assert paid.beside is not None
    assert figures["payment / its bytes"].value == pytest.approx(paid.value / paid.beside)
    # the six reports, their answers, the command and its end, each in a frame with an ACK of its own
    assert "in 32 writes" in paid.note
