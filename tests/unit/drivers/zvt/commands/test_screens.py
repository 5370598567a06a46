"""Display, keys, input, printed lines."""

from drivers.zvt.commands.codec import decode_bytes, encode
from drivers.zvt.commands.screens import AskKey, DisplayText, InputRequest, PrintLine


def test_display_texts_use_the_seven_bit_set() -> None:
    text = DisplayText("Grüß Gott", line8="Zahlung", seconds=10, beeps=1)
    data = encode(text.to_message())
    assert bytes.fromhex("47727D7E20476F7474") in data
    assert DisplayText.from_message(decode_bytes(data)) == text


def test_asking_for_a_key() -> None:
    ask = AskKey("Coffee", seconds=10, ok_key=0)
    data = encode(ask.to_message())
    assert data == bytes.fromhex("06E10DF00AF1F0F6436F66666565FB00")
    assert AskKey.from_message(decode_bytes(data)) == ask


def test_a_printed_line() -> None:
    line = PrintLine(0x40, b"TOTAL")
    assert encode(line.to_message()) == bytes.fromhex("06D10640544F54414C")
    assert PrintLine.from_message(line.to_message()) == line


def test_an_input_request() -> None:
    request = InputRequest(("Tip",), 2, 60, 978)
    data = encode(request.to_message())
    assert data == bytes.fromhex("040D1906173215240507035469701F3801021F3902003C1F21020978")
    assert InputRequest.from_message(decode_bytes(data)) == request
