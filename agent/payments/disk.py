"""Whether a disk can keep what it is told to keep: some file systems cannot, whatever they answer."""

from pathlib import Path

from agent.payments.errors import JournalDiskError

FORGETFUL = frozenset({"tmpfs", "ramfs"})
"""File systems that live in memory: a power cut takes all of it."""

REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "vboxsf", "fuse.sshfs", "fuse.s3fs"})
"""File systems elsewhere: locks and flushes there do not mean what SQLite needs (sqlite.org/wal.html, 1)."""

MOUNTS = Path("/proc/self/mounts")


def refuse_unsafe(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise `JournalDiskError` if a journal at this path could lose what a till was told."""
    kind = file_system(path.parent, mounts)
    if kind in FORGETFUL:
        why = "lives in memory: a power cut would take every sale with it"
    elif kind in REMOTE:
        why = "is on another machine: its locks and flushes cannot be trusted"
    else:
        return
    raise JournalDiskError(
        f"the journal {path} would be on {kind}, which {why}; put it on a local disk (`journal.path`), "
        "or for a test say `journal: {accept_unsafe_disk: true}`"
    )


def file_system(directory: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system a directory is on, as the kernel names it; "" when it does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = -1, ""
    real = str(directory.resolve())
    for line in lines:
        _, where, name, *_ = line.split(" ")
        point = where.replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # a later mount on the same point hides the earlier
            best, kind = len(point), name
    return kind
