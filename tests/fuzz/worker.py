"""One search, in a process of its own: `python -m tests.fuzz.worker TARGET [what libFuzzer takes]`."""

import sys

import atheris  # type: ignore[import-untyped]  # it comes without types

with atheris.instrument_imports(include=["drivers.zvt"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Search until libFuzzer has enough; it ends the process, with 77 for a finding."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
