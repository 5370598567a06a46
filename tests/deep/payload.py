"""What is tested, as the guest finds it at /opt/tillgate: this checkout and its libraries, as if installed."""

import compileall
import os
import shutil
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[2]

INSTALLED = ("tillgate", "bumble")
"""What must be there with all that it requires: the product, and the virtual Bluetooth controller."""

CONFIG = "home = /usr/bin\ninclude-system-site-packages = false\n"

COMMAND = """\
#!/opt/tillgate/bin/python3
import sys

from agent.cli import main

sys.exit(main(sys.argv[1:]))
"""


def make_payload(folder: Path) -> None:
    """Fill a folder: libraries as they are installed here, the code as it is in this checkout."""
    packages = folder / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python3").symlink_to("/usr/bin/python3")
    (folder / "pyvenv.cfg").write_text(CONFIG)
    command = folder / "bin/tillgate"
    command.write_text(COMMAND)
    command.chmod(0o755)
    for distribution in _closure(INSTALLED):
        _copy(distribution, packages)
    for name in ("agent", "drivers"):
        shutil.copytree(
            CHECKOUT / name, packages / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    tests = packages / "tests/deep"
    tests.mkdir(parents=True)
    for path in (CHECKOUT / "tests").glob("*.py"):
        shutil.copy2(path, tests.parent)
    for path in (CHECKOUT / "tests/deep").rglob("*.py"):
        target = tests / path.relative_to(CHECKOUT / "tests/deep")
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(path, target)
    shutil.copytree(CHECKOUT / "systemd", folder / "systemd")
    compileall.compile_dir(
        packages, quiet=2, stripdir=str(packages), workers=os.cpu_count() or 1, maxlevels=20
    )


def _closure(names: tuple[str, ...]) -> list[metadata.Distribution]:
    """These distributions and all that they require on Linux, as installed in the running environment."""
    found: dict[str, metadata.Distribution] = {}

    def add(name: str, extras: set[str]) -> None:
        distribution = metadata.distribution(name)
        key = distribution.metadata["Name"].lower()
        if key in found:
            return
        found[key] = distribution
        for line in distribution.requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in extras | {""}
            ):
                add(wanted.name, wanted.extras)

    for name in names:
        add(name, set())
    return list(found.values())


def _copy(distribution: metadata.Distribution, packages: Path) -> None:
    for file in distribution.files or ():
        if ".." in file.parts or file.suffix == ".pth":  # commands, and what makes a checkout importable
            continue
        source = Path(str(distribution.locate_file(file)))
        if source.exists():
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
