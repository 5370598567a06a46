"""File systems in files: made from folders, mended after a cut, and read again, all without mounting."""

from pathlib import Path

from tests.deep.command import run

MIB = 1024 * 1024

CLEAN_OR_MENDED = (0, 1)
"""e2fsck's exit codes (e2fsck(8)): no errors; errors that were corrected."""


def make_ext4(path: Path, size: int, *, content: Path | None = None, journal: bool = True) -> None:
    """A file system of `size` bytes, with the files of a folder in it."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    features = [] if journal else ["-O", "^has_journal"]
    filled = [] if content is None else ["-d", str(content)]
    # Nothing is left to be initialised later: the disk is quiet when nobody writes.
    run(
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-E",
        "lazy_itable_init=0,lazy_journal_init=0",
        *features,
        *filled,
        path,
    )


def size_of(folder: Path) -> int:
    """Room for all its files and some more, in bytes."""
    blocks = sum(
        entry.lstat().st_blocks * 512 + 1024 for entry in folder.rglob("*") if not entry.is_symlink()
    )
    return (blocks + blocks // 4 + 48 * MIB) // MIB * MIB


def mend(path: Path) -> None:
    """What the next boot does first: replay the file system's own journal, check and correct."""
    run("e2fsck", "-f", "-y", path, fine=CLEAN_OR_MENDED)


def take_out(path: Path, folder: Path) -> None:
    """Copy all files of the image into an empty folder."""
    run("debugfs", "-R", f"rdump / {folder}", path)
