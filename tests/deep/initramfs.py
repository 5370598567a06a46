"""The smallest first file system that finds the guest's disks: busybox, a few modules, one script."""

import gzip
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MODULES = ("virtio_pci", "virtio_blk", "ext4", "overlay")
"""What the stock kernel needs before it can see its root; the rest is loaded by udev."""

SCRIPT = """\
#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
for module in {modules}; do busybox insmod /modules/$module.ko; done
busybox mount -t ext4 -o ro,noatime /dev/vda /lower
busybox mount -t tmpfs -o size=400m tmpfs /changes
busybox mkdir /changes/upper /changes/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work overlay /sysroot
busybox mount -t ext4 -o ro,noatime /dev/vdb /sysroot/opt/tillgate
busybox umount /proc
busybox mount --move /dev /sysroot/dev
exec busybox switch_root /sysroot /sbin/init
"""
"""The root is never written: changes live in memory, so that one image serves every boot."""


@dataclass(frozen=True)
class Entry:
    """A file, a folder (no content) or a device of the archive."""

    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def make_initramfs(path: Path, tree: Path) -> None:
    """Write it for the kernel that is installed in `tree`."""
    (modules,) = (tree / "usr/lib/modules").iterdir()
    wanted = _in_order(modules, MODULES)
    folders = ("bin", "dev", "proc", "modules", "lower", "changes", "sysroot")
    entries = [
        *(Entry(name, stat.S_IFDIR | 0o755) for name in folders),
        Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        Entry("bin/busybox", stat.S_IFREG | 0o755, (tree / "bin/busybox").read_bytes()),
        Entry("init", stat.S_IFREG | 0o755, SCRIPT.format(modules=" ".join(wanted)).encode()),
        *(
            Entry(f"modules/{name}.ko", stat.S_IFREG | 0o644, file.read_bytes())
            for name, file in wanted.items()
        ),
    ]
    path.write_bytes(gzip.compress(b"".join(_packed(entries)), compresslevel=1))


def _in_order(modules: Path, names: Iterable[str]) -> Mapping[str, Path]:
    """The modules and what they need, each after what it needs."""
    needs: dict[str, list[str]] = {}
    files: dict[str, Path] = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        name = Path(file).stem
        files[name] = modules / file
        needs[name] = [Path(other).stem for other in others.split()]
    # modules.dep does not list what is found by an alias: ext4's checksums
    needs["ext4"].append("crc32c_generic")
    ordered: dict[str, Path] = {}

    def add(name: str) -> None:
        for other in needs[name]:
            if other not in ordered:
                add(other)
        ordered[name] = files[name]

    for name in names:
        add(name)
    return ordered


def _packed(entries: Iterable[Entry]) -> Iterable[bytes]:
    """The "new ASCII" format of cpio (cpio(5)), which the kernel unpacks."""
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], start=1):
        name = entry.name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(entry.mode) else 1
        numbers = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % value for value in numbers) + name
        yield head + bytes(-len(head) % 4)
        yield entry.content + bytes(-len(entry.content) % 4)
