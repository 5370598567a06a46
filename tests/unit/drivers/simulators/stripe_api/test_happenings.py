"""Every happening the code plans is known."""

import re
from pathlib import Path

from drivers.simulators.stripe_api import happenings


def test_everything_planned_has_an_act() -> None:
    package = Path(happenings.__file__).parent
    planned = {
        name
        for module in package.glob("*.py")
        for name in re.findall(r'\.plan\(\s*(?:\w+,\s*)?"(\w+)"', module.read_text())
    }
    known = set(happenings.HAPPENINGS) | {"redeliver"}
    assert planned
    assert planned <= known
    assert known - planned == {"auto_present", "auto_cancel"}  # planned by the name of the wish
