"""Answers and what they decide."""

import pytest

from drivers.zvt.commands import answers
from drivers.zvt.commands.answers import Decision, Verdict, judge
from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.message import Message


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        (answers.positive(), "800000"),
        (answers.negative(0x6E), "846E00"),
        (answers.unknown_command(), "848300"),
        (answers.busy(), "84A000"),
        (answers.printer_not_ready(), "84CC00"),
        (answers.postponed(), "849C00"),
        (answers.partly_issued(2200), "849D0704000000002200"),
        (answers.goods_failed(), "846600"),
        (answers.wrong_currency(978), "841E036F0978"),
        (answers.input_answer(b"12"), "800009060732051F3A023132"),
        (answers.menu_answer(2), "8000050603190102"),
        (answers.key_answer(0x0D), "8000010D"),
    ],
)
def test_answers_on_the_wire(answer: Message, wire: str) -> None:
    assert encode(answer) == bytes.fromhex(wire)
    assert decode_bytes(bytes.fromhex(wire)) == answer


@pytest.mark.parametrize(
    ("wire", "verdict"),
    [
        ("800000", Verdict(Decision.YES)),
        ("840000", Verdict(Decision.YES)),
        ("849C00", Verdict(Decision.LATER, 0x9C)),
        ("849D0704000000000750", Verdict(Decision.PARTLY, 0x9D, 750)),
        ("849D00", Verdict(Decision.NO, 0x9D)),
        ("846600", Verdict(Decision.NO, 0x66)),
    ],
)
def test_verdicts(wire: str, verdict: Verdict) -> None:
    assert judge(decode_bytes(bytes.fromhex(wire))) == verdict
