"""From gateway.yaml to registers."""

from pathlib import Path

import pytest

from agent.documents import ProblemsError
from agent.pos.listening import ListenError
from agent.pos.register.listening import SerialPort
from agent.pos.register.places import listener_for, options_of, places
from agent.pos.register.profiles import PROFILES
from agent.settings import Settings, load
from drivers.links.address import SerialAddress, TlsAddress
from drivers.links.tcp import TcpListener

TLS = Path(__file__).parents[4] / "cases" / "tls"

DOORS = """\
gateway: {name: store-1}
location: store
journal: {path: journal.db}
doors:
  zvt:
    - {listen: "tcp://127.0.0.1:0", till: kasse-1, reader: till-1, password: {file: pin}, header: [Shop]}
    - {listen: "serial:///dev/ttyS9?baudrate=115200", till: kasse-2, reader: till-2, profile: korona}
    - listen: tls://127.0.0.1:0
      till: kasse-3
      reader: till-3
      terminal_id: "52000001"
      currencies: [chf, eur]
      certificate: terminal.pem
      key: {file: terminal.key}
      client_ca: authority.pem
"""


def settings(folder: Path, text: str = DOORS) -> Settings:
    for name in ("terminal.pem", "terminal.key", "authority.pem", "register.key"):
        (folder / name).write_bytes((TLS / name).read_bytes())
        (folder / name).chmod(0o600)
    (folder / "pin").write_text("123456")
    (folder / "pin").chmod(0o600)
    path = folder / "gateway.yaml"
    path.write_text(text)
    return load(path)


def test_each_entry_is_a_register(tmp_path: Path) -> None:
    found = settings(tmp_path)
    plain, serial, tls = places(found.doors.zvt)
    assert isinstance(plain.listener, TcpListener)
    assert plain.options.password is not None
    assert plain.options.password.reveal() == "123456"
    assert (plain.options.header, plain.serial) == (("Shop",), False)
    assert isinstance(serial.listener, SerialPort)
    assert (serial.serial, serial.options.profile) == (True, PROFILES["korona"])
    assert serial.listener.address.baudrate == 115200
    assert isinstance(tls.listener, TcpListener)
    assert isinstance(tls.listener.address, TlsAddress)
    assert (tls.options.terminal_id, tls.options.currencies) == ("52000001", ("chf", "eur"))
    assert found.registers_path == tmp_path / "registers.db"


def test_others_may_say_where_registers_call(tmp_path: Path) -> None:
    doors = settings(tmp_path).doors.zvt
    port = SerialPort(SerialAddress("/dev/ttyS1"))
    [place, *_] = places(doors, lambda door: port if door.till == "kasse-1" else listener_for(door))
    assert place.listener is port
    assert options_of(doors[0]).till == "kasse-1"


def test_a_certificate_of_another_key_is_named(tmp_path: Path) -> None:
    doors = settings(tmp_path, DOORS.replace("{file: terminal.key}", "{file: register.key}")).doors.zvt
    with pytest.raises(ListenError, match="till kasse-3: its certificate cannot be used"):
        places(doors)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tcp://127.0.0.1:0", "http://127.0.0.1:0", "must be tcp://"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1", "must be tcp://"),
        ("tcp://127.0.0.1:0", "tcp://127.0.0.1:x", "must be tcp://"),
        ("serial:///dev/ttyS9?baudrate=115200", "serial:///dev/ttyS9?baud=1", "baudrate"),
        ("till: kasse-2", "till: kasse-1", "given twice"),
        ("profile: korona", "profile: corona", "profile"),
        ("      client_ca: authority.pem\n", "", ""),
        ("      certificate: terminal.pem\n", "", "needs `certificate` and `key`"),
        ("tls://127.0.0.1:0", "tcp://127.0.0.1:7", "they need tls://"),
        ('terminal_id: "52000001"', 'terminal_id: "52"', "terminal_id"),
        ("{file: pin}", '"123456"', "a secret in the clear"),
        ("header: [Shop]}", "client_ca: authority.pem}", "`client_ca` needs tls://"),
    ],
)
def test_mistakes_in_gateway_yaml_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = DOORS.replace(old, new)
    assert text != DOORS
    if not message:
        assert settings(tmp_path, text).doors.zvt[2].client_ca is None
        return
    with pytest.raises(ProblemsError) as caught:
        settings(tmp_path, text)
    assert message in str(caught.value)
