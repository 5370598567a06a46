"""YAML with positions: what is read, what is refused, and where the finger points."""

import contextlib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent import documents
from agent.documents import Document, Position, Problem, ProblemsError, load, parse, validate


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    line1: str
    postal_code: str = Field(default="", max_length=10)


class Shop(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    address: Address | None = None
    branches: list[Address] = []
    registration_code: str | None = None
    mode: Literal["a", "b"] = "a"
    api_version: str = Field(default="", alias="apiVersion")

    @field_validator("name")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 9:
            raise ValueError("the name is too long")
        return value


def one(text: str) -> Document:
    [document] = parse(text, "f.yaml")
    return document


def problems(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        parse(text, "f.yaml")
    return str(caught.value).splitlines()


def shop_problems(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        validate(Shop, one(text))
    return str(caught.value).splitlines()


def test_plain_data_of_several_documents() -> None:
    first, second = parse("a: 1\nb: [x, 2.5, true, null]\n---\n---\nkind: Reader\n", "f.yaml")
    assert first.data == {"a": 1, "b": ["x", 2.5, True, None]}
    assert first.kind_hint == ""
    assert second.kind_hint == "Reader"
    assert second.position() == Position("f.yaml", 5, 1)


def test_nothing_but_comments_is_no_document() -> None:
    assert parse("", "f.yaml") == []
    assert parse("# only a comment\n---\n", "f.yaml") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("01067", "01067"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("-17", -17),
        ("+3", 3),
        ("0", 0),
        ("1.50", 1.5),
        ("True", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("9999999999999999999999", "9999999999999999999999"),
    ],
)
def test_only_the_obvious_is_not_text(text: str, value: object) -> None:
    data = one(f"key: {text}\n").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_positions_of_values_keys_and_missing_parts() -> None:
    document = one("spec:\n  address: {line1: x, city: y}\n  list:\n    - a\n    - b: 1\n")
    assert document.position(("spec", "address", "city")) == Position("f.yaml", 2, 29)
    assert document.position(("spec", "address", "city"), key=True) == Position("f.yaml", 2, 23)
    assert document.position(("spec", "list", 1, "b")) == Position("f.yaml", 5, 10)
    assert document.position(("spec", "list", 1), key=True) == Position("f.yaml", 5, 7)
    assert document.position(("spec", "address", "country")) == Position("f.yaml", 2, 12)
    assert document.position(("spec", "function-after", "address")) == Position("f.yaml", 2, 12)
    assert str(document.position()) == "f.yaml:1:1"


def test_anchors_may_be_used_and_keep_their_place() -> None:
    document = one("a: &x {k: 1}\nb: *x\n")
    assert document.data == {"a": {"k": 1}, "b": {"k": 1}}
    assert document.position(("b",)) == Position("f.yaml", 2, 4)
    assert document.position(("b", "k")) == Position("f.yaml", 1, 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: duplicate key `a`, first used in line 1"),
        ("1: a\n", "f.yaml:1:1: a key must be text: put it in quotes"),
        ("[a]: b\n", "f.yaml:1:1: a key must be text: put it in quotes"),
        ("<<: {a: 1}\n", "f.yaml:1:1: merge keys (<<) are not supported: repeat the keys"),
        ("a: *x\n", "f.yaml:1:4: alias *x has no anchor before it"),
        ("a: &x [*x]\n", "f.yaml:1:8: alias *x has no anchor before it"),
        ("a: !!python/name:os.system x\n", "tag tag:yaml.org,2002:python/name:os.system is not allowed here"),
        ("a: !secret x\n", "f.yaml:1:4: tag !secret is not allowed here: leave it out"),
        ("a: !x {}\n", "f.yaml:1:4: tag !x is not allowed here"),
        ("a: !!set []\n", "tag tag:yaml.org,2002:set is not allowed here"),
        ("a: !!binary aGk=\n", "is not allowed here"),
        ("a: {b\n", "is not valid YAML"),
        ("a: 'b\n", "is not valid YAML"),
        ("a: b: c\n", "f.yaml:1:5: is not valid YAML: mapping values are not allowed"),
        ("a: \x01\n", "a character that YAML does not allow"),
        ("%YAML 3.0\n---\na: 1\n", "is not valid YAML"),
    ],
)
def test_refused_with_its_place(text: str, expected: str) -> None:
    found = problems(text)
    assert expected in found[0]
    assert found[0].startswith("f.yaml:")


def test_every_duplicate_is_named() -> None:
    assert len(problems("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n")) == 3


def test_a_bomb_of_aliases_is_stopped() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    [problem] = problems("\n".join(lines))
    assert "aliases expanded" in problem


def test_depth_is_bounded() -> None:
    assert "nested deeper" in problems("[" * 5000)[0]
    assert one("[" * 30 + "]" * 30).data == parse("[" * 30 + "]" * 30, "g")[0].data


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    (tmp_path / "big.yaml").write_text("a: 123456789\n")
    with pytest.raises(ProblemsError, match="larger than 10 bytes"):
        load(tmp_path / "big.yaml")
    assert "larger than 10 characters" in problems("a: 123456789\n")[0]


def test_load_reads_utf8_with_or_without_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: Stra\xc3\x9fe\n")
    [document] = load(path)
    assert document.data == {"name": "Straße"}
    assert document.name == str(path)


def test_load_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ProblemsError, match="cannot be read: Is a directory"):
        load(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ProblemsError, match=r":2:4: is not UTF-8 text"):
        load(path)


def test_a_good_document_becomes_the_model() -> None:
    shop = validate(Shop, one("name: x\naddress: {line1: a}\napiVersion: v1\n"))
    assert shop.address == Address(line1="a")
    part = validate(Address, one("x: {y: [{line1: b}]}\n"), ("x", "y", 0))
    assert part.line1 == "b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: x\nregsitration_code: y\n",
            "f.yaml:2:1: unknown key `regsitration_code`, did you mean `registration_code`?",
        ),
        (
            "name: x\naddress: {line1: a, line11: b}\n",
            "f.yaml:2:21: unknown key `line11`, did you mean `line1`?",
        ),
        (
            "name: x\nbranches:\n- {line1: a, zzzzz: b}\n",
            "f.yaml:3:14: unknown key `zzzzz`; known here: line1, postal_code",
        ),
        ("name: x\napiversion: y\n", "f.yaml:2:1: unknown key `apiversion`, did you mean `apiVersion`?"),
        ("mode: a\n", "f.yaml:1:1: `name` is missing"),
        ("name: x\naddress: {}\n", "f.yaml:2:1: `line1` is missing"),
        ("name: 12\n", "f.yaml:1:7: `name` must be text: put it in quotes"),
        ("name: [a]\n", "f.yaml:1:7: `name` must be a valid string"),
        ("name: far too long\n", "f.yaml:1:7: the name is too long"),
        ("name: x\nmode: c\n", "f.yaml:2:7: `mode` must be 'a' or 'b'"),
        ("name: x\naddress: no\n", "f.yaml:2:10: `address` must be a mapping (key: value)"),
        ("just text\n", "f.yaml:1:1: `document` must be a mapping (key: value)"),
        (
            "name: x\nbranches:\n- line1: a\n  postal_code: '12345678901'\n",
            "f.yaml:4:16: `postal_code`: string should have at most 10 characters",
        ),
    ],
)
def test_messages_for_people(text: str, expected: str) -> None:
    assert shop_problems(text) == [expected]


def test_all_problems_in_the_order_of_the_file() -> None:
    found = shop_problems("branches: [{}]\nmode: c\nzzz: 1\n")
    assert [line.split(":")[1] for line in found] == sorted(line.split(":")[1] for line in found)
    assert len(found) == 4


def test_a_problem_knows_its_path() -> None:
    document = one("a: [{b: 1}]\n")
    assert document.problem("odd", ("a", 0, "b")) == Problem("f.yaml", 1, 9, "odd", "a[0].b")


def test_a_model_without_keys_lists_none() -> None:
    class Empty(BaseModel):
        model_config = ConfigDict(extra="forbid")

    with pytest.raises(ProblemsError, match=r"unknown key `a`$"):
        validate(Empty, one("a: 1\n"))


@given(st.text())
def test_any_text_is_read_or_refused_never_a_crash(text: str) -> None:
    with contextlib.suppress(ProblemsError):
        assert all(document.data is not None for document in parse(text, "f.yaml"))
