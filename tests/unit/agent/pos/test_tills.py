"""The file of tills: tokens that exist only as hashes, changes by other processes, broken files."""

import hashlib
import json
import multiprocessing
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.pos import tills
from agent.pos.tills import MAX_RETIRED, TillRegistry, TillRegistryError

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tills.json"


@pytest.fixture
def registry(path: Path) -> TillRegistry:
    return TillRegistry(path, now=lambda: NOON)


def test_a_token_opens_for_its_till_only(registry: TillRegistry) -> None:
    first, second = registry.add("kasse-1"), registry.add("kasse-2")

    assert registry.authenticate(first.reveal()) == "kasse-1"
    assert registry.authenticate(second.reveal()) == "kasse-2"
    assert registry.authenticate(first.reveal()[:-1]) is None
    assert registry.authenticate("") is None
    assert registry.authenticate("\ud800") is None


def test_a_token_is_long_and_stored_only_as_its_hash(registry: TillRegistry, path: Path) -> None:
    token = registry.add("kasse-1")

    assert token.reveal().startswith("tg_")
    assert len(token.reveal()) == 46
    text = path.read_text()
    assert token.reveal() not in text
    assert hashlib.sha256(token.reveal().encode()).hexdigest() in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.reveal() not in repr(token)


def test_tills_are_listed_by_name(registry: TillRegistry) -> None:
    registry.add("kasse-2")
    registry.add("kasse-1")

    assert [(till.name, till.created_at, till.rotated_at) for till in registry.list()] == [
        ("kasse-1", NOON, None),
        ("kasse-2", NOON, None),
    ]


def test_a_rotated_token_ends_and_says_whose_it_was(registry: TillRegistry) -> None:
    old, other = registry.add("kasse-1"), registry.add("kasse-2")
    new = registry.rotate("kasse-1")

    assert registry.authenticate(old.reveal()) is None
    assert registry.retired(old.reveal()) == "kasse-1"
    assert registry.authenticate(new.reveal()) == "kasse-1"
    assert registry.retired(new.reveal()) is None
    assert registry.authenticate(other.reveal()) == "kasse-2"
    assert registry.list()[0].rotated_at == NOON


def test_a_revoked_till_is_gone_and_its_name_is_free(registry: TillRegistry) -> None:
    old = registry.add("kasse-1")
    registry.revoke("kasse-1")

    assert (registry.authenticate(old.reveal()), registry.retired(old.reveal())) == (None, "kasse-1")
    assert list(registry.list()) == []
    again = registry.add("kasse-1")
    assert registry.authenticate(again.reveal()) == "kasse-1"


def test_the_memory_of_old_tokens_is_bounded(registry: TillRegistry, path: Path) -> None:
    first = registry.add("kasse-1")
    for _ in range(MAX_RETIRED):
        registry.rotate("kasse-1")
    assert registry.retired(first.reveal()) == "kasse-1"
    registry.rotate("kasse-1")

    assert registry.retired(first.reveal()) is None
    assert len(json.loads(path.read_text())["retired"]) == MAX_RETIRED


@pytest.mark.parametrize("name", ["", "-x", "x-", "a b", "a/b", "ä", "x" * 64, "a\n"])
def test_bad_names_are_refused(registry: TillRegistry, name: str, path: Path) -> None:
    with pytest.raises(TillRegistryError, match="cannot be a till's name"):
        registry.add(name)
    assert not path.exists()


def test_a_name_is_given_once_and_the_operators_never(registry: TillRegistry) -> None:
    registry.add("kasse-1")
    with pytest.raises(TillRegistryError, match="till rotate kasse-1"):
        registry.add("kasse-1")
    with pytest.raises(TillRegistryError, match="control socket"):
        registry.add("operator")


def test_an_unknown_till_is_named_with_those_that_are(registry: TillRegistry) -> None:
    with pytest.raises(TillRegistryError, match="no till 'kasse-9'; tills: none yet"):
        registry.rotate("kasse-9")
    registry.add("kasse-1")
    with pytest.raises(TillRegistryError, match="tills: kasse-1"):
        registry.revoke("kasse-9")


def test_what_another_process_changes_counts_at_once(registry: TillRegistry, path: Path) -> None:
    other = TillRegistry(path)
    token = other.add("kasse-1")
    assert registry.authenticate(token.reveal()) == "kasse-1"
    other.revoke("kasse-1")
    assert registry.authenticate(token.reveal()) is None
    path.unlink()
    assert registry.retired(token.reveal()) is None


def test_the_file_is_read_again_only_when_it_changed(
    registry: TillRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = registry.add("kasse-1")
    assert registry.authenticate(token.reveal())

    def unwanted(_path: Path) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(tills, "_read", unwanted)
    assert registry.authenticate(token.reveal()) == "kasse-1"


def _add(path: Path, first: int) -> None:
    registry = TillRegistry(path)
    for number in range(first, first + 5):
        registry.add(f"kasse-{number}")


@pytest.mark.real_time
def test_processes_at_once_lose_no_till(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add, args=(path, first)) for first in (0, 5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)

    assert [process.exitcode for process in processes] == [0, 0]
    assert len(TillRegistry(path).list()) == 10


BROKEN = [
    ("", "is not a list of tills"),
    ("{", "is not a list of tills"),
    ("[]", "is not a list of tills"),
    ("{}", "is not a list of tills"),
    ('{"version": 2, "tills": {}}', "version 2"),
    ('{"version": 1, "tills": []}', "is not a list of tills"),
    ('{"version": 1, "tills": {"a": {}}}', "is not a list of tills"),
    ('{"version": 1, "tills": {"a": {"token_sha256": "x", "created_at": "2026-01-05"}}}', "64 hexadecimal"),
    (
        '{"version": 1, "tills": {"a b": {"token_sha256": "x", "created_at": "2026-01-05"}}}',
        "not a till's name",
    ),
    ("[" * 100_000, "is not a list of tills"),
    (" " * (tills.MAX_FILE_BYTES + 1), "larger"),
]


@pytest.mark.parametrize(("text", "words"), BROKEN, ids=[text[:40] for text, _ in BROKEN])
def test_a_broken_file_is_neither_believed_nor_replaced(
    registry: TillRegistry, path: Path, text: str, words: str
) -> None:
    path.write_text(text)

    with pytest.raises(TillRegistryError, match=words):
        registry.authenticate("tg_x")
    with pytest.raises(TillRegistryError, match=words):
        registry.add("kasse-1")
    assert path.read_text() == text


def test_a_place_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    missing = TillRegistry(tmp_path / "nowhere" / "tills.json")
    with pytest.raises(TillRegistryError, match="run this as"):
        missing.add("kasse-1")
    assert list(missing.list()) == []
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(TillRegistryError, match="cannot read the tills"):
        TillRegistry(file / "tills.json").list()
    (tmp_path / "tills.json").mkdir()
    with pytest.raises(TillRegistryError, match="cannot read the tills"):
        TillRegistry(tmp_path / "tills.json").list()


def test_a_write_that_fails_changes_nothing(
    registry: TillRegistry, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = registry.add("kasse-1")
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TillRegistryError, match=r"No space left.*nothing was changed"):
        registry.rotate("kasse-1")

    assert path.read_bytes() == before
    assert registry.authenticate(token.reveal()) == "kasse-1"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["tills.json", "tills.json.lock"]


def test_what_root_makes_belongs_to_the_gateway(
    registry: TillRegistry, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _descriptor, uid, gid: given.append((uid, gid)))

    registry.add("kasse-1")

    owner = path.parent.stat()
    assert given == [(owner.st_uid, owner.st_gid)] * 2, "the lock and the file"


def test_others_than_root_give_nothing_away(registry: TillRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "fchown", lambda *_: pytest.fail("not ours to give"))

    assert registry.add("kasse-1")
