"""Each module has its test twin: `agent/x/y.py` is tested by `tests/unit/agent/x/test_y.py`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "drivers")


def main() -> int:
    """Print each module without a twin; 1 if there is any."""
    found = list(missing(ROOT))
    for line in found:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"twins: {len(found)} problem{'s' if len(found) != 1 else ''}\n" if found else "twins: all there\n"
    )
    return 1 if found else 0


def missing(root: Path) -> Iterator[str]:
    """Modules that no test file is named after."""
    for package in PACKAGES:
        for module in sorted((root / package).rglob("*.py")):
            twin = twin_of(module.relative_to(root))
            if not (root / twin).exists() and has_code(module):
                yield f"{module.relative_to(root)}: its tests are missing: {twin}"


def twin_of(module: Path) -> Path:
    """Where the tests of a module are; those of a package's `__init__.py` carry the package's name."""
    name = module.parent.name if module.name == "__init__.py" else module.stem
    return Path("tests/unit") / module.parent / f"test_{name}.py"


def has_code(module: Path) -> bool:
    """Whether there is anything to test: more than a docstring."""
    body = ast.parse(module.read_text(encoding="utf-8")).body
    return any(not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)) for each in body)


if __name__ == "__main__":
    sys.exit(main())
