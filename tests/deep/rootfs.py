"""The guest's Debian: a folder, an image of it, its kernel. Built once, kept outside the checkout."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deep.command import run
from tests.deep.image import make_ext4, size_of
from tests.deep.initramfs import SCRIPT, make_initramfs

SUITE = "bookworm"

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "python3",
    "bluez",
    "linux-image-amd64",
    "iproute2",
    "procps",
    "busybox-static",
)

LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "*/kernel/sound/*",
    "*/kernel/drivers/gpu/*",
    "*/kernel/drivers/media/*",
    "*/kernel/drivers/infiniband/*",
    "*/kernel/drivers/net/ethernet/*",
    "*/kernel/drivers/net/wireless/*",
    "*/kernel/drivers/scsi/*",
)

FILES = {
    # The scenario's own side starts as soon as the line to the host is there. A container has no such line.
    "etc/udev/rules.d/99-deep.rules": (
        'SUBSYSTEM=="virtio-ports", ATTR{name}=="deep", TAG+="systemd", ENV{SYSTEMD_WANTS}+="deep.service"\n'
    ),
    "etc/systemd/system/deep.service": """\
[Unit]
Description=the inner side of the deep tests
After=basic.target dbus.service

[Service]
ExecStart=/opt/tillgate/bin/python3 -m tests.deep.inside
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
Environment=PYTHONUNBUFFERED=1 HOME=/root
""",
    "etc/systemd/system.conf.d/deep.conf": "[Manager]\nDefaultTimeoutStartSec=300\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/hostname": "store\n",
}

MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
    "systemd-timesyncd.service",
    "e2scrub_reap.service",
)
"""What would only cost time."""


@dataclass(frozen=True)
class Root:
    """A built root file system."""

    folder: Path

    @property
    def tree(self) -> Path:
        """As a folder, for containers; never changed."""
        return self.folder / "tree"

    @property
    def image(self) -> Path:
        """As a file system in a file, for guests."""
        return self.folder / "root.ext4"

    @property
    def kernel(self) -> Path:
        """The stock kernel."""
        return self.folder / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        """The first file system."""
        return self.folder / "initramfs"


def cache() -> Path:
    """Where built things are kept: outside every checkout, safe to delete."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tillgate" / "deep"


def root() -> Root:
    """The root file system for these packages, built if it is not there yet (a minute, and network)."""
    described = repr((SUITE, PACKAGES, LEFT_OUT, FILES, MASKED, SCRIPT))
    key = hashlib.sha256(described.encode()).hexdigest()[:12]
    folder = cache() / f"{SUITE}-{key}"
    with _alone(folder):
        if not folder.exists():
            half = folder.with_name(folder.name + ".half")
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir()
            _build(Root(half))
            half.rename(folder)
    return Root(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One builder at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(built: Root) -> None:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    run(
        "mmdebstrap",
        "--variant=minbase",
        "--mode=root",
        f"--include={','.join(PACKAGES)}",
        *excluded,
        SUITE,
        built.tree,
        *_sources(),
        env={**os.environ, "INITRD": "No"},  # the packages' own initramfs would not be used
        log=built.folder / "build.log",
    )
    for name, text in FILES.items():
        path = built.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for unit in MASKED:
        (built.tree / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (built.tree / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (built.tree / "opt/tillgate").mkdir()
    (built.tree / "usr/bin/tillgate").symlink_to("/opt/tillgate/bin/tillgate")
    (kernel,) = (built.tree / "boot").glob("vmlinuz-*")
    shutil.copyfile(kernel, built.kernel)
    make_initramfs(built.initramfs, built.tree)
    shutil.rmtree(built.tree / "boot")
    make_ext4(built.image, size_of(built.tree), content=built.tree, journal=False)


def _sources() -> list[Path]:
    """The machine's own package sources: nothing here knows an address."""
    apt = Path("/etc/apt")
    candidates = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    texts = {
        path: path.read_text()
        for path in candidates
        if path.suffix in {".list", ".sources"} and path.exists()
    }
    return [path for path, text in texts.items() if SUITE in text and "debian" in text]
