"""What a machine must have for the deep tests, and what this one lacks."""

import os
import shutil
import sys
from pathlib import Path

PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
"""Each program, and the Debian package that has it."""

CAP_SYS_ADMIN = 21

GUEST_PYTHON = (3, 11)
"""Debian 12's. The guest runs the wheels that are installed here, so this Python must be the same."""


def missing() -> str:
    """Why the deep tests cannot run here; "" when they can."""
    lacks = []
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        lacks.append("Linux on x86_64")
    if sys.version_info[:2] != GUEST_PYTHON:
        lacks.append("Python {}.{} (the guest's)".format(*GUEST_PYTHON))
    if os.geteuid() != 0:
        lacks.append("root")
    elif not _may_mount():
        lacks.append("the right to mount (CAP_SYS_ADMIN)")
    packages = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        lacks.append("Debian packages: " + " ".join(packages))
    return "needs " + "; ".join(lacks) if lacks else ""


def _may_mount() -> bool:
    """Whether this root is one: in a container it often is not (capabilities(7))."""
    lines = Path("/proc/self/status").read_text().splitlines()
    held = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    return bool(held >> CAP_SYS_ADMIN & 1)
