"""The bindings' file: whole or not at all, and never in the way of a start."""

from pathlib import Path

import pytest

from agent.fleet.bindings import Bindings, ReaderBinding, bind, load, save
from agent.fleet.matching import Matches
from agent.fleet.model import ObservedLocation, ObservedReader

BINDINGS = Bindings({"till-1": ReaderBinding("tmr_1", "tml_1", "S1", "stripe_s700")}, {"berlin": "tml_1"})


def test_what_was_found_is_bound() -> None:
    found = Matches(
        {},
        {"berlin": ObservedLocation("tml_1", {})},
        {"till-1": ObservedReader("tmr_1", "S1", "stripe_s700", "Till", "tml_1")},
        (),
    )
    assert bind(found) == BINDINGS


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path / "b.json", BINDINGS)
    assert load(tmp_path / "b.json") == BINDINGS
    save(tmp_path / "b.json", Bindings())
    assert load(tmp_path / "b.json") == Bindings()
    assert [each.name for each in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": "other/1", "readers": {}, "locations": {}}',
        '{"format": "tillgate-bindings/1"}',
        '{"format": "tillgate-bindings/1", "readers": {"a": {"x": 1}}, "locations": {}}',
        '{"format": "tillgate-bindings/1", "readers": [], "locations": {}}',
        "\udcff",
    ],
)
def test_a_file_that_cannot_be_used_is_no_obstacle(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert load(path) == Bindings()


def test_no_file_is_no_obstacle(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == Bindings()


def test_a_power_cut_while_saving_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.json"
    save(path, BINDINGS)

    def cut(path: Path, target: Path) -> None:
        raise OSError("power")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(OSError, match="power"):
        save(path, Bindings())
    assert load(path) == BINDINGS
