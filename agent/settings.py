"""gateway.yaml: what this box is, where its secrets are, and where everything of its own lives."""

import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agent import documents
from agent.logs import Format, Level
from agent.secret import Secret
from drivers.links.address import parse_address

STATE_DIRECTORY = Path("/var/lib/tillgate")
RUNTIME_DIRECTORY = Path("/run/tillgate")
# Where a credential is looked for when systemd did not hand one over: an admin's `tillgate plan` uses the key
# that the running service was given, or the file that the unit loads it from.
CREDENTIAL_DIRECTORIES = (Path("/run/credentials/tillgate.service"), Path("/etc/tillgate"))
MAX_SECRET_BYTES = 64 * 1024  # a key has about a hundred; protects from a path that names something else

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"


class SecretError(Exception):
    """A secret cannot be had from where its reference points."""


class _MissingSecretError(SecretError):
    """There is no such file; it may be in another place."""


class Part(BaseModel):
    """A mapping in gateway.yaml: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class SecretReference(Part):
    """Where a secret is, never itself: `{credential: NAME}` (systemd's LoadCredential) or `{file: PATH}`."""

    credential: str | None = Field(None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$")
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_inline(cls, value: Any) -> Any:
        if isinstance(value, str | int | float):
            raise ValueError(  # noqa: TRY004 -- pydantic turns ValueError into a problem with its place
                "a secret in the clear: put it in a file and write {file: PATH} or {credential: NAME}"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.credential is None) == (self.file is None):
            raise ValueError("a secret is either {file: PATH} or {credential: NAME}")
        return self

    def __str__(self) -> str:
        return f"credential {self.credential}" if self.credential else f"file {self.file}"


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address like https://api.stripe.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(
            "must begin with https://: http:// would send the key in the clear to another machine"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Url = Annotated[str, AfterValidator(_check_url)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class GatewaySettings(Part):
    """The box itself."""

    name: Name


class StripeSettings(Part):
    """How to reach Stripe; `requests_per_second` is this store's share of what the account may ask.

    Without `files_url` files go to Stripe's own address for them, or where `base_url` leads elsewhere.
    """

    key: SecretReference
    account: str | None = Field(None, pattern=r"^acct_[A-Za-z0-9]+$")
    base_url: Url = "https://api.stripe.com"
    files_url: Url | None = None
    # Stripe allows far less; whoever tests against a simulator may want to know what the gateway can do.
    requests_per_second: float = Field(5, gt=0, le=10_000, allow_inf_nan=False)


class FleetSettings(Part):
    """Where desired state comes from, and what may be done about drift.

    A look costs a few requests, and Stripe counts an account's reads by the month: five minutes suit a fleet.
    """

    paths: Paths = ()
    interval_s: Seconds = 300
    heal: bool = False
    prune: bool = False


class JournalSettings(Part):
    """Where the journal lives: a local disk that keeps what it was told to keep.

    `accept_unsafe_disk` is for tests: a daemon that says so may lose sales in a power cut.
    """

    path: Path = STATE_DIRECTORY / "journal.db"
    accept_unsafe_disk: bool = False


class HttpDoorSettings(Part):
    """The HTTP API for tills; `connection_tokens_per_minute` counts for each till.

    `language` is what cashiers read where their till asks for none.
    """

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8470, ge=0, le=65_535)
    connection_tokens_per_minute: int = Field(30, ge=1, le=6_000)
    language: Literal["de", "en", "fr", "it", "es", "nl"] = "en"


def _check_listen(listen: str) -> str:
    """Where registers call: a port of this machine."""
    if listen.startswith("serial:"):
        parse_address(listen)
        return listen
    parts = urlsplit(listen)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in {"tcp", "tls"} or not parts.hostname or port is None or parts.path or parts.query:
        raise ValueError(
            "must be tcp://ADDRESS:PORT, tls://ADDRESS:PORT or serial:///dev/...; 0.0.0.0 is every address "
            "of this machine, 20007 the usual port"
        )
    return listen


Digits = Annotated[str, Field(pattern=r"^[0-9]{8}$")]
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
RegisterProfile = Literal[
    "standard",
    "korona",
    "old",
    "no-final-ack",
    "abort-only",
    "currency-always",
    "latin-1",
    "big-endian",
    "card-complete",
    "feig",
    "patient",
]


class ZvtDoorSettings(Part):
    """One register that speaks ZVT: where it calls, which till it is, on which reader it sells.

    `certificate` and `key` are PEM files, for tls://; with `client_ca` only registers with a certificate
    of it may call. Without `password` any is good. `header` stands on top of every receipt.
    """

    listen: Annotated[str, AfterValidator(_check_listen)]
    till: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]
    reader: Name
    profile: RegisterProfile = "standard"
    password: SecretReference | None = None
    terminal_id: Digits | None = None
    currencies: Annotated[tuple[Currency, ...], BeforeValidator(_listed), Field(min_length=1)] = ("eur",)
    language: Literal["de", "en", "fr", "it", "es", "nl"] = "de"
    header: tuple[Annotated[str, Field(max_length=40)], ...] = Field((), max_length=8)
    contract_number: str = Field("", max_length=15)
    closing_after_h: float | None = Field(None, gt=0, le=24 * 366, allow_inf_nan=False)
    certificate: Path | None = None
    key: SecretReference | None = None
    client_ca: Path | None = None

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if self.listen.startswith("tls:") != (self.certificate is not None and self.key is not None):
            raise ValueError("tls:// needs `certificate` and `key`, and they need tls://")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("`client_ca` needs tls://")
        return self


def _check_registers(doors: tuple[ZvtDoorSettings, ...]) -> tuple[ZvtDoorSettings, ...]:
    for what, names in (
        ("till", [door.till for door in doors]),
        ("listen", [door.listen for door in doors if not door.listen.endswith(":0")]),
    ):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"`{what}` {twice[0]} is given twice: each register has its own")
    return doors


class DoorsSettings(Part):
    """The doors that are open; a door set to null stays shut."""

    http: HttpDoorSettings | None = HttpDoorSettings()
    zvt: Annotated[tuple[ZvtDoorSettings, ...], AfterValidator(_check_registers)] = ()


class PaymentsSettings(Part):
    """How long a customer may take, and how long a stop waits for the sale under way."""

    payment_timeout_s: Seconds = 150
    shutdown_grace_s: Seconds = 20


class LoggingSettings(Part):
    """How log lines are written, and how many."""

    format: Format = Format.PLAIN
    level: Level = Level.INFO


class Settings(Part):
    """All of gateway.yaml. `location` is the name of a Location in desired state."""

    gateway: GatewaySettings
    location: Name
    stripe: StripeSettings | None = None
    fleet: FleetSettings = FleetSettings()
    journal: JournalSettings = JournalSettings()
    doors: DoorsSettings = DoorsSettings()
    control_socket: Path = RUNTIME_DIRECTORY / "control.sock"
    payments: PaymentsSettings = PaymentsSettings()
    logging: LoggingSettings = LoggingSettings()

    @property
    def tills_path(self) -> Path:
        """The registry of tills and the hashes of their tokens, beside the journal."""
        return self.journal.path.with_name("tills.json")

    @property
    def registers_path(self) -> Path:
        """What ZVT registers were told, beside the journal."""
        return self.journal.path.with_name("registers.db")


def load(path: Path) -> Settings:
    """The settings in a file, relative paths taken from its directory; `ProblemsError` with every problem."""
    return read(documents.load(path), path)


def read(found: list[documents.Document], path: Path) -> Settings:
    """The settings in the documents of the file `path`; `ProblemsError` with every problem."""
    if not found:
        raise documents.ProblemsError(
            [documents.Problem(str(path), 1, 1, "is empty: `gateway` and `location` are missing")]
        )
    if len(found) > 1:
        raise documents.ProblemsError(
            [each.problem("a second document: gateway.yaml holds one") for each in found[1:]]
        )
    return _anchored(documents.validate(Settings, found[0]), path.absolute().parent)


def _anchored(settings: Settings, directory: Path) -> Settings:
    """The same settings with every path made absolute."""
    fleet = settings.fleet.model_copy(
        update={"paths": tuple(directory / each for each in settings.fleet.paths)}
    )
    journal = settings.journal.model_copy(update={"path": directory / settings.journal.path})
    stripe = settings.stripe
    if stripe is not None and stripe.key.file is not None:
        key = stripe.key.model_copy(update={"file": directory / stripe.key.file})
        stripe = stripe.model_copy(update={"key": key})
    registers = tuple(_anchored_register(door, directory) for door in settings.doors.zvt)
    changed = {
        "doors": settings.doors.model_copy(update={"zvt": registers}),
        "fleet": fleet,
        "journal": journal,
        "stripe": stripe,
        "control_socket": directory / settings.control_socket,
    }
    return settings.model_copy(update=changed)


def _anchored_register(door: ZvtDoorSettings, directory: Path) -> ZvtDoorSettings:
    changed: dict[str, Any] = {}
    for name in ("certificate", "client_ca"):
        path = getattr(door, name)
        if path is not None:
            changed[name] = directory / path
    for name in ("password", "key"):
        reference = getattr(door, name)
        if reference is not None and reference.file is not None:
            changed[name] = reference.model_copy(update={"file": directory / reference.file.expanduser()})
    return door.model_copy(update=changed)


def locate(reference: SecretReference, environ: Mapping[str, str] | None = None) -> Path:
    """The file of a secret that a library reads itself; `SecretError` says why it cannot be had."""
    if reference.file is not None:
        _read_secret(reference.file, str(reference))
        return reference.file
    resolve(reference, environ)
    name = str(reference.credential)
    return next(path for each in _directories(environ) if (path := each / name).exists())


def resolve(reference: SecretReference, environ: Mapping[str, str] | None = None) -> Secret:
    """Read the secret a reference points at, without its final line break; `SecretError` says why not."""
    if reference.file is not None:
        return _read_secret(reference.file.expanduser(), str(reference))
    directories = _directories(environ)
    unreadable: SecretError | None = None
    for directory in directories:
        try:
            return _read_secret(directory / str(reference.credential), str(reference))
        except _MissingSecretError:
            continue
        except SecretError as error:
            unreadable = unreadable or error
    if unreadable is not None:
        raise unreadable
    places = " nor in ".join(str(directory) for directory in directories)
    raise SecretError(
        f"{reference} is not in {places}: "
        f"let the unit load it (LoadCredential={reference.credential}:PATH), or write {{file: PATH}}"
    )


def _directories(environ: Mapping[str, str] | None) -> tuple[Path, ...]:
    given = (os.environ if environ is None else environ).get("CREDENTIALS_DIRECTORY")
    return (Path(given),) if given else CREDENTIAL_DIRECTORIES


def _read_secret(path: Path, what: str) -> Secret:
    try:
        status = path.stat()  # before opening: opening a pipe would wait for its writer
        if not stat.S_ISREG(status.st_mode):
            raise SecretError(f"{what}: {path} is not a plain file")
        if status.st_mode & stat.S_IROTH:
            raise SecretError(
                f"{what}: everybody on this machine can read {path}: do `chmod o= {path}` "
                "and, if others may have read it, replace the secret"
            )
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
    except FileNotFoundError:
        raise _MissingSecretError(f"{what}: {path} does not exist: write the secret into it") from None
    except OSError as error:
        raise SecretError(f"{what}: cannot read {path}: {error.strerror or error}") from error
    if len(raw) > MAX_SECRET_BYTES:
        raise SecretError(f"{what}: {path} is too large to be a secret")
    try:
        value = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{what}: {path} is not UTF-8 text") from None  # the cause would show the bytes
    if not value.strip():
        raise SecretError(f"{what}: {path} is empty")
    return Secret(value)
