"""The inner side: does what the host asks for over the line, one thing after the other."""

import importlib
import logging
import sys
import traceback
from pathlib import Path

from tests.deep.inside.line import Line

PORT = Path("/dev/virtio-ports/deep")

SCENARIOS = ("power", "usb", "bluez")
"""Loaded before the machine's memory is saved, so that each run begins at once."""


def main() -> int:
    """Serve until the machine is gone."""
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(name)s: %(message)s")
    line = Line(PORT)
    modules = {name: importlib.import_module(f"tests.deep.inside.{name}") for name in SCENARIOS}
    line.say(ready=sys.version)
    for asked in line:
        module, _, what = asked["do"].partition(".")
        try:
            line.say(done=getattr(modules[module], what)(line, **asked["given"]))
        except Exception:  # noqa: BLE001  # the host decides what a failure means
            line.say(failed=traceback.format_exc())
    return 0


if __name__ == "__main__":
    sys.exit(main())
