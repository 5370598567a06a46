"""gateway.yaml: what is accepted, what each mistake is told, and where secrets come from."""

import os
from pathlib import Path

import pytest
import yaml

from agent import settings
from agent.documents import ProblemsError
from agent.settings import SecretError, SecretReference

MINIMAL = "gateway: {name: g1}\nlocation: berlin-mitte\n"
EXAMPLE = Path(__file__).parents[3] / "config" / "gateway.example.yaml"


def write(directory: Path, text: str) -> Path:
    path = directory / "gateway.yaml"
    path.write_text(text)
    return path


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        settings.load(write(directory, text))
    return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.problems]


def test_the_least_that_is_enough_has_all_defaults(tmp_path: Path) -> None:
    found = settings.load(write(tmp_path, MINIMAL))
    assert found.gateway.name == "g1"
    assert found.location == "berlin-mitte"
    assert found.stripe is None
    assert found.journal.path == Path("/var/lib/tillgate/journal.db")
    assert found.tills_path == Path("/var/lib/tillgate/tills.json")
    assert found.control_socket == Path("/run/tillgate/control.sock")
    assert found.doors.http is not None
    assert (found.doors.http.host, found.doors.http.port) == ("127.0.0.1", 8470)
    assert found.fleet.heal is False
    assert found.fleet.prune is False
    assert found.payments.payment_timeout_s == 150


def test_the_example_is_valid_and_shows_the_defaults(tmp_path: Path) -> None:
    found = settings.load(EXAMPLE)
    minimal = settings.load(
        write(
            tmp_path,
            "gateway: {name: berlin-mitte-1}\nlocation: berlin-mitte\n"
            "stripe: {key: {credential: stripe_api_key}}\nfleet: {paths: /etc/tillgate/fleet}\n",
        )
    )
    assert found == minimal


def test_the_example_shows_every_setting() -> None:
    shown = yaml.safe_load(EXAMPLE.read_text())

    def missing(model: type[settings.Part], part: dict[str, object], where: str) -> list[str]:
        absent = []
        for name, info in model.model_fields.items():
            if name not in part:
                absent.append(f"{where}{name}")
                continue
            inner = part[name]
            kinds = [info.annotation, *getattr(info.annotation, "__args__", ())]
            for kind in kinds:
                if isinstance(inner, dict) and isinstance(kind, type) and issubclass(kind, settings.Part):
                    absent += missing(kind, inner, f"{where}{name}.")
        return absent

    # Two stand there as comments; a key is one of the two.
    assert missing(settings.Settings, shown, "") == ["stripe.key.file", "stripe.account", "stripe.files_url"]


def test_relative_paths_are_taken_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = MINIMAL + (
        "stripe: {key: {file: key}}\nfleet: {paths: [fleet, /abs]}\njournal: {path: state/j.db}\n"
        "control_socket: c.sock\n"
    )
    write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    found = settings.load(Path("gateway.yaml"))
    assert found.fleet.paths == (tmp_path / "fleet", Path("/abs"))
    assert found.journal.path == tmp_path / "state" / "j.db"
    assert found.tills_path == tmp_path / "state" / "tills.json"
    assert found.control_socket == tmp_path / "c.sock"
    assert found.stripe is not None
    assert found.stripe.key.file == tmp_path / "key"


def test_settings_do_not_change(tmp_path: Path) -> None:
    found = settings.load(write(tmp_path, MINIMAL))
    with pytest.raises(ValueError, match="frozen"):
        setattr(found, "location", "elsewhere")  # noqa: B010 -- the plain assignment is a type error already


def test_a_door_can_be_shut(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, MINIMAL + "doors: {http: null}\n")).doors.http is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("journl: {}", "3:1: unknown key `journl`, did you mean `journal`?"),
        (
            "doors:\n  http:\n    prot: 1",
            "5:5: unknown key `prot`, did you mean `port`?",
        ),
        (
            "stripe:\n  key: sk_test_123",
            "4:8: a secret in the clear: put it in a file and write {file: PATH} or {credential: NAME}",
        ),
        ("stripe:\n  key: {}", "4:8: a secret is either {file: PATH} or {credential: NAME}"),
        (
            "stripe:\n  key: {file: a, credential: b}",
            "4:8: a secret is either {file: PATH} or {credential: NAME}",
        ),
        ("stripe:\n  key: {credential: ../x}", "4:21: `credential`: string should match"),
        ("stripe: {}", "3:1: `key` is missing"),
        ("stripe: {key: {file: k}, base_url: api.stripe.com}", "3:36: must be an address like https://"),
        ("stripe: {key: {file: k}, base_url: 'http://example.com'}", "3:36: must begin with https://"),
        ("stripe: {key: {file: k}, account: abc}", "3:35: `account`: string should match"),
        (
            "stripe: {key: {file: k}, requests_per_second: 0}",
            "3:47: `requests_per_second` must be greater than 0",
        ),
        ("doors: {http: {port: 70000}}", "3:22: `port` must be less than or equal to 65535"),
        ("payments: {payment_timeout_s: -1}", "3:31: `payment_timeout_s` must be greater than 0"),
        ("logging: {level: loud}", "3:18: `level` must be 'debug', 'info', 'warning' or 'error'"),
        ("---\na: b", "4:1: a second document: gateway.yaml holds one"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, more: str, told: str) -> None:
    (found,) = problems(tmp_path, MINIMAL + more + "\n")
    assert found.startswith(told)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "gateway: {name: 'No Good'}\nlogging: {format: xml}\n")
    assert len(found) == 3


def test_an_empty_file_says_what_is_missing(tmp_path: Path) -> None:
    assert problems(tmp_path, "# nothing\n") == ["1:1: is empty: `gateway` and `location` are missing"]


def test_an_inline_secret_is_not_repeated(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, MINIMAL + "stripe: {key: sk_test_private}\n")
    assert "private" not in found


@pytest.mark.parametrize("url", ["http://127.0.0.1:12111", "http://localhost:1/", "http://[::1]:1"])
def test_plain_http_is_for_this_machine_only(tmp_path: Path, url: str) -> None:
    found = settings.load(write(tmp_path, MINIMAL + f"stripe: {{key: {{file: k}}, base_url: '{url}'}}\n"))
    assert found.stripe is not None
    assert found.stripe.base_url == url.rstrip("/")


def secret_file(
    directory: Path, content: bytes = b"sk_test_1\n", mode: int = 0o600, name: str = "key"
) -> Path:
    path = directory / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_secret_from_a_file_loses_its_line_break_only(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b" with blanks \r\n", 0o640)
    assert settings.resolve(SecretReference(file=path)).reveal() == " with blanks "


def test_a_secret_from_systemd(tmp_path: Path) -> None:
    secret_file(tmp_path, name="stripe_api_key")
    found = settings.resolve(
        SecretReference(credential="stripe_api_key"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    )
    assert found.reveal() == "sk_test_1"


def test_without_systemd_the_known_places_are_searched_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CREDENTIAL_DIRECTORIES", (tmp_path / "none", tmp_path))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    secret_file(tmp_path)
    assert settings.resolve(SecretReference(credential="key")).reveal() == "sk_test_1"


def test_a_place_that_cannot_be_read_is_told_if_no_other_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    for each in (first, second):
        each.mkdir()
        (each / "key").mkdir()
    monkeypatch.setattr(settings, "CREDENTIAL_DIRECTORIES", (first, second, third))
    with pytest.raises(SecretError, match=f"credential key: {first}/key is not a plain file"):
        settings.resolve(SecretReference(credential="key"), {})


def test_a_credential_that_was_not_handed_over(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"credential key is not in .*LoadCredential=key:PATH"):
        settings.resolve(SecretReference(credential="key"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"sk\n", 0o604, "everybody on this machine can read"),
        (b"\n", 0o600, "is empty"),
        (b"\xff\xfe", 0o600, "is not UTF-8 text"),
        (b"x" * 70_000, 0o600, "too large"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    with pytest.raises(SecretError, match=told):
        settings.resolve(SecretReference(file=secret_file(tmp_path, content, mode)))


def test_a_missing_file_and_one_in_no_directory(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="does not exist"):
        settings.resolve(SecretReference(file=tmp_path / "none"))
    with pytest.raises(SecretError, match=r"cannot read .*: Not a directory"):
        settings.resolve(SecretReference(file=secret_file(tmp_path) / "below"))


def test_a_pipe_does_not_make_us_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretError, match="not a plain file"):
        settings.resolve(SecretReference(file=tmp_path / "pipe"))


def test_a_reference_names_its_place() -> None:
    assert str(SecretReference(credential="key")) == "credential key"
    assert str(SecretReference(file=Path("/k"))) == "file /k"


def test_the_file_of_a_secret_that_a_library_reads_itself(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"a key", 0o600)
    assert settings.locate(SecretReference(file=path)) == path
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert settings.locate(SecretReference(credential=path.name), given) == path
    with pytest.raises(SecretError):
        settings.locate(SecretReference(credential="missing"), given)
    with pytest.raises(SecretError):
        settings.locate(SecretReference(file=tmp_path / "missing"))
