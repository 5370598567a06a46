"""A store on disk for a gateway process: its files, its tills, and when it is ready."""

import json
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from agent.pos.tills import TillRegistry
from bench.processes import Process, environment

LOCATION = "berlin-mitte"
ADDRESS = {"line1": "Friedrichstraße 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
CODE = "simulated-s700"
KEY = "sk_test_gateway"
SWITCHED_OFF = {"driver": "zvt", "link": "tcp://127.0.0.1:1"}
"""A terminal that nobody has switched on: it is looked for ever less often."""

START_S = 60.0
"""A gateway that has not come up, or not found its readers, after this never will."""


def reader_name(number: int) -> str:
    """Names are the same for the gateway and the script: the same customers come to them."""
    return f"till-{number + 1}"


class Store:
    """The files of a gateway: with smart readers, or, without `stripe_url`, with one ZVT terminal."""

    def __init__(
        self, folder: Path, *, stripe_url: str = "", readers: int = 1, tills: int = 1, interval_s: int = 60
    ) -> None:
        self.folder = folder
        self.readers = [reader_name(number) for number in range(readers)]
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True)
        self._write("gateway.yaml", self._gateway(stripe_url, interval_s))
        self._write("fleet.yaml", *self._fleet(smart=bool(stripe_url)))
        key = folder / "stripe_api_key"
        key.touch(mode=0o600)
        key.write_text(KEY, encoding="ascii")
        registry = TillRegistry(folder / "tills.json")
        self.tokens = [registry.add(f"register-{number + 1}").reveal() for number in range(tills)]

    def process(self, **env: str) -> Process:
        """The daemon, as the service manager starts it."""
        command = [str(Path(_scripts()) / "tillgate"), "--config", str(self.folder / "gateway.yaml"), "run"]
        return Process(command, env=environment(**env), log=self.folder / "gateway.log")

    @contextmanager
    def started(self) -> Iterator[tuple[Process, float]]:
        """The running daemon, and the seconds from exec to READY=1."""
        address = self.folder / "notify.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(str(address))
            told.settimeout(START_S)
            began = time.perf_counter()
            with self.process(NOTIFY_SOCKET=str(address)) as process:
                while b"READY=1" not in told.recv(4096):
                    pass
                took_s = time.perf_counter() - began
                yield process, took_s
            address.unlink()

    def wait_for_readers(self) -> None:
        """Until the gateway has registered and reached every reader."""
        ends_at = time.monotonic() + START_S
        while time.monotonic() < ends_at:
            states = [each["state"] for each in self.ask("/v1/readers")["data"]]
            if len(states) == len(self.readers) and set(states) <= {"ready"}:
                return
            time.sleep(0.2)
        raise TimeoutError(f"the readers are not ready: {self.ask('/v1/readers')}")

    def ask(self, path: str) -> Any:
        """One question at the door."""
        request = urllib.request.Request(  # noqa: S310  # our own loopback address
            self.url + path, headers={"Authorization": f"Bearer {self.tokens[0]}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def _write(self, name: str, *documents: Mapping[str, Any]) -> None:
        text = yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False)
        (self.folder / name).write_text(text, encoding="utf-8")

    def _gateway(self, stripe_url: str, interval_s: int) -> Mapping[str, Any]:
        account = {"key": {"file": "stripe_api_key"}, "base_url": stripe_url, "requests_per_second": 10_000}
        return {
            "gateway": {"name": "bench"},
            "location": LOCATION,
            **({"stripe": account} if stripe_url else {}),
            "fleet": {"paths": ["fleet.yaml"], "heal": True, "interval_s": interval_s},
            "journal": {"path": "journal.db"},
            "doors": {"http": {"port": self.port}},
            "control_socket": "control.sock",
        }

    def _fleet(self, *, smart: bool) -> Iterator[Mapping[str, Any]]:
        yield _declared("Location", LOCATION, {"display_name": "Berlin Mitte", "address": ADDRESS})
        for name in self.readers:
            spec = {"driver": "stripe", "registration_code": CODE, "label": name} if smart else SWITCHED_OFF
            yield _declared("Reader", name, {"location": LOCATION, **spec})


def _declared(kind: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"apiVersion": "tillgate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _scripts() -> str:
    import sysconfig

    return sysconfig.get_path("scripts")
