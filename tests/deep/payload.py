"""What is tested, as the guest finds it at /opt/tillgate: this checkout and its libraries."""

import compileall
import os
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[2]

BESIDES = ("bumble",)
"""What must be there besides the product's own requirements: the virtual Bluetooth controller."""

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
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for distribution in _closure([Requirement(line).name for line in project["dependencies"]] + [*BESIDES]):
        _copy(distribution, packages)
    _describe(project, packages)
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


def _describe(project: Mapping[str, Any], packages: Path) -> None:
    """What pip would write down of this checkout: its name, and what it offers by entry points."""
    folder = packages / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    lines = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(lines)
    groups = project["entry-points"].items()
    offered = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in names.items())
        for group, names in groups
    ]
    (folder / "entry_points.txt").write_text("\n".join(offered))


def _closure(names: Iterable[str]) -> list[metadata.Distribution]:
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
