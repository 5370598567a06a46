"""Disks that cannot keep a journal are known by their file systems."""

from pathlib import Path

import pytest

from agent.payments.disk import MOUNTS, file_system, refuse_unsafe
from agent.payments.errors import JournalDiskError


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    return tmp_path / "mounts"


@pytest.mark.parametrize(
    ("kind", "words"), [("tmpfs", "lives in memory"), ("nfs4", "on another machine"), ("cifs", "another")]
)
def test_a_disk_that_could_lose_a_sale_is_refused(
    kind: str, words: str, tmp_path: Path, mounts: Path
) -> None:
    mounts.write_text(f"x / {kind} rw 0 0\n")
    with pytest.raises(JournalDiskError, match=words) as refused:
        refuse_unsafe(tmp_path / "journal.db", mounts)
    assert "accept_unsafe_disk" in str(refused.value)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "f2fs", "overlay"])
def test_a_local_disk_is_taken(kind: str, tmp_path: Path, mounts: Path) -> None:
    mounts.write_text(f"x / {kind} rw 0 0\n")
    refuse_unsafe(tmp_path / "journal.db", mounts)


def test_what_the_kernel_does_not_tell_is_taken(tmp_path: Path) -> None:
    refuse_unsafe(tmp_path / "journal.db", tmp_path / "none")


def test_the_innermost_and_latest_mount_counts(tmp_path: Path, mounts: Path) -> None:
    data = tmp_path / "a b"
    data.mkdir()
    escaped = str(data).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/x / ext4 rw 0 0\n/dev/y {escaped} xfs rw 0 0\nserver:/y {escaped} nfs4 rw 0 0\n"
        f"/dev/z {data}-else vfat rw 0 0\n"
    )
    assert file_system(data, mounts) == "nfs4"
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(tmp_path, tmp_path / "none") == ""


def test_the_kernel_of_this_machine_tells() -> None:
    assert file_system(MOUNTS.parent) == "proc"
