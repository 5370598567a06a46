"""The files of a simulated store: what its admins declared and what its gateway is told."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from agent.chaos.plan import PATIENCE_S

LOCATION = "store"
GRACE_S = 5.0


def _declared(kind: str, name: str, spec: object) -> dict[str, object]:
    return {"apiVersion": "tillgate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def furnish(
    folder: Path,
    stripe_readers: Sequence[str],
    links: Mapping[str, str],
    *,
    base_url: str,
    port: int = 8470,
    patience_s: float = PATIENCE_S,
) -> Path:
    """Write the files; the path of gateway.yaml. `links` are those of the ZVT terminals."""
    address = {"line1": "Street 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
    tipping = {"tipping": {"eur": {"percentages": [5, 10, 15]}}}
    documents = [
        _declared("Configuration", "tips", tipping),
        _declared("Location", LOCATION, {"display_name": "S", "address": address, "configuration": "tips"}),
    ]
    for name in stripe_readers:
        spec = {"location": LOCATION, "driver": "stripe", "label": name}
        documents.append(_declared("Reader", name, {**spec, "registration_code": "simulated-s700"}))
    for name, link in links.items():
        documents.append(_declared("Reader", name, {"location": LOCATION, "driver": "zvt", "link": link}))
    (folder / "fleet.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    key = folder / "key"
    key.write_text("sk_test_chaos", encoding="ascii")
    key.chmod(0o600)
    gateway = {
        "gateway": {"name": "chaos"},
        "location": LOCATION,
        "stripe": {"key": {"file": "key"}, "base_url": base_url, "requests_per_second": 100},
        "fleet": {"paths": ["fleet.yaml"], "heal": True, "interval_s": 300},
        "journal": {"path": "journal.db"},
        "doors": {"http": {"port": port}},
        "control_socket": "control.sock",
        "payments": {"payment_timeout_s": patience_s, "shutdown_grace_s": GRACE_S},
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(gateway, sort_keys=False), encoding="utf-8")
    return path
