"""Files as a source: found, read again when they change, the last good state kept."""

import os
from pathlib import Path

import pytest

from agent import documents
from agent.documents import ProblemsError
from agent.fleet.contents import LocalContents
from agent.fleet.model import Upload
from agent.fleet.sources import FileSource, Reading, declared, find, is_gateway

GOOD = "{apiVersion: tillgate/v1, kind: Configuration, metadata: {name: NAME}}\n"
PNG = b"\x89PNG\r\n\x1a\n"


def write(path: Path, name: str = "a") -> Path:
    path.write_text(GOOD.replace("NAME", name))
    return path


def source(*paths: Path) -> FileSource:
    return FileSource(paths, LocalContents())


def test_files_are_found_by_name_once_and_not_deeper(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", ".hidden.yaml", "c.txt", "d.yaml~"):
        write(tmp_path / name)
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper" / "e.yaml")
    (tmp_path / "odd.yaml").mkdir()
    named = tmp_path / "c.txt"
    assert find([tmp_path, named, tmp_path / "b.yaml"]) == [tmp_path / "a.yml", tmp_path / "b.yaml", named]


def test_a_gateway_file_beside_the_fleet_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("gateway: {name: x}\nlocation: y\n")
    write(tmp_path / "fleet.yaml")
    assert set(declared([tmp_path]).configurations) == {"a"}
    [gateway] = documents.load(tmp_path / "gateway.yaml")
    assert is_gateway(gateway)
    assert not is_gateway(documents.parse("[]", "x")[0])


def test_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_text("kind: Store\n")
    with pytest.raises(ProblemsError) as caught:
        declared([tmp_path, tmp_path / "none.yaml"])
    assert len(caught.value.problems) == 3


def test_an_empty_directory_declares_nothing_and_that_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="declares nothing"):
        declared([tmp_path])
    (tmp_path / "a.yaml").write_text("# all commented out\n")
    with pytest.raises(ProblemsError, match="declares nothing"):
        declared([tmp_path])


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    held = source(tmp_path)
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ProblemsError, match="cannot be read: Permission denied"):
        declared([tmp_path])
    reading = held.read()
    assert reading.state is None
    assert "Permission denied" in reading.problems[0].message


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    held = source(write(tmp_path / "a.yaml"))
    assert held.read().state is not None
    assert held.read() is held.read()


def test_a_change_is_seen_and_a_broken_one_leaves_the_last_good_state(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    held = source(tmp_path)
    first = held.read()
    path.write_text("kind: Store\n")
    broken = held.read()
    assert broken.state is first.state
    assert [each.message for each in broken.problems] == [
        "`kind` must be one of Location, Configuration, Reader"
    ]
    write(tmp_path / "a.yaml", "b")
    mended = held.read()
    assert mended.problems == ()
    assert mended.state is not None
    assert set(mended.state.configurations) == {"b"}


def test_a_file_that_comes_or_goes_is_seen(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml")
    held = source(tmp_path)
    held.read()
    write(tmp_path / "b.yaml", "b")
    state = held.read().state
    assert state is not None
    assert set(state.configurations) == {"a", "b"}
    (tmp_path / "a.yaml").unlink()
    state = held.read().state
    assert state is not None
    assert set(state.configurations) == {"b"}


def test_a_picture_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        GOOD.replace("{name: NAME}", "{name: a}, spec: {stripe_s700: {splashscreen: a.png}}")
    )
    picture = tmp_path / "a.png"
    picture.write_bytes(PNG + b"1")
    held = source(tmp_path)

    def digest() -> str:
        state = held.read().state
        assert state is not None
        [leaf] = state.leaves()
        assert isinstance(leaf, Upload)
        return leaf.sha256

    first = digest()
    picture.write_bytes(PNG + b"22")
    second = digest()
    assert second != first
    picture.unlink()
    assert digest() == second
    assert "a.png cannot be read" in held.read().problems[0].message
    picture.write_bytes(PNG + b"333")
    os.utime(picture)
    assert digest() not in {first, second}


def test_without_paths_there_is_no_state_and_no_problem() -> None:
    assert source().read() == Reading(None)
