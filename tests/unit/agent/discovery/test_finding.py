"""Documents that adopt what was found are such as the fleet files take."""

from pathlib import Path

import yaml

from agent.discovery.finding import Finding, adoption, by_link
from agent.fleet.sources import declared


def test_what_is_printed_can_be_declared(tmp_path: Path) -> None:
    taken = {"zvt-a1"}
    found = [
        Finding("serial", "/dev/x", link="serial:///dev/serial/by-id/usb-FTDI?stopbits=1", hint="zvt-A1"),
        Finding("tcp", "192.0.2.7:20007", link="tcp://192.0.2.7:20007", hint="zvt-192.0.2.7:20007"),
        Finding("bluetooth", "AA:BB", link="ble://AA:BB:CC:DD:EE:FF?profile=nus", hint="Käse & " + "x" * 99),
        Finding("serial", "/dev/y", link="serial:///dev/y", hint="???"),
    ]
    documents = [adoption(each, "here", taken) for each in found]
    place = {
        "apiVersion": "tillgate/v1",
        "kind": "Location",
        "metadata": {"name": "here"},
        "spec": {
            "display_name": "Here",
            "address": {"line1": "1", "city": "B", "postal_code": "1", "country": "DE"},
        },
    }
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump_all([place, *documents]))
    state = declared([tmp_path])
    assert len(state.readers) == 4
    assert {"zvt-a1-2", "zvt-192-0-2-7-20007", "reader"} < set(state.readers)
    assert by_link(state.readers.values())["tcp://192.0.2.7:20007"] == "zvt-192-0-2-7-20007"
    assert taken == {"zvt-a1", *state.readers}
