"""Fleet files as admins write them: Location, Configuration and Reader.

Field names inside `spec` are Stripe's own (docs.stripe.com/api/terminal). Secrets and files are references.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from agent.fleet.model import Kind
from agent.settings import NAME_PATTERN, SecretReference

API_VERSION: Final = "tillgate/v1"
FILE_ID_PREFIX: Final = "file_"
OWN_PREFIX: Final = "tillgate_"


class Part(BaseModel):
    """A mapping in a fleet file: unknown keys are refused, values are never converted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True
    )


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=40)]
MetadataValue = Annotated[str, StringConstraints(min_length=1, max_length=500)]
# 50 keys (docs.stripe.com/api/metadata) less those that are ours
Labels = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=48)]
Hour = Annotated[int, Field(ge=0, le=23)]
TipAmount = Annotated[int, Field(ge=0, le=99_999_999)]
Percentage = Annotated[int, Field(ge=0, le=100)]


def _refuse_own_keys(labels: dict[str, str]) -> dict[str, str]:
    for key in labels:
        if key.startswith(OWN_PREFIX):
            raise ValueError(f"metadata key `{key}`: keys that begin with {OWN_PREFIX} are the gateway's own")
    return labels


class Metadata(Part):
    """The name is ours. `id` is Stripe's id: `export` writes it for objects that do not carry our name."""

    name: Name
    id: Annotated[str, StringConstraints(pattern=r"^t(ml|mr|mc)_[A-Za-z0-9_]+$")] | None = None


class Address(Part):
    """Where a Location is; which fields are required depends on the country."""

    country: Country
    line1: Line | None = None
    line2: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Line | None = None


class JapaneseAddress(Address):
    """An address in kana or kanji."""

    country: Country = "JP"
    town: Line | None = None


class LocationSpec(Part):
    """docs.stripe.com/api/terminal/locations; `configuration` is the name of a declared Configuration."""

    display_name: Text | None = None
    display_name_kana: Text | None = None
    display_name_kanji: Text | None = None
    address: Address | None = None
    address_kana: JapaneseAddress | None = None
    address_kanji: JapaneseAddress | None = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=50)] | None = None
    configuration: Name | None = None
    metadata: Labels = {}

    _own_keys = field_validator("metadata")(_refuse_own_keys)


class DeviceSection(Part):
    """What one model of reader shows: a path relative to this file, or the id of a file at Stripe."""

    splashscreen: Annotated[str, StringConstraints(min_length=1, max_length=1000)]

    @field_validator("splashscreen")
    @classmethod
    def _is_picture(cls, value: str) -> str:
        if is_file_id(value) or Path(value).suffix.lower() in {".png", ".jpg", ".jpeg", ".gif"}:
            return value
        raise ValueError("`splashscreen` must be the path of a .png, .jpg or .gif file")


class CurrencyTips(Part):
    """What the reader suggests, in minor units or percent; below the threshold it suggests amounts."""

    fixed_amounts: list[TipAmount] | None = None
    percentages: list[Percentage] | None = None
    smart_tip_threshold: TipAmount | None = None

    @field_validator("fixed_amounts", "percentages")
    @classmethod
    def _three(cls, value: list[int] | None) -> list[int] | None:
        if value is not None and len(value) != 3:
            raise ValueError(f"the reader shows three suggestions: give 3, not {len(value)}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.fixed_amounts is None and self.percentages is None:
            raise ValueError("give `fixed_amounts`, `percentages` or both")
        if self.smart_tip_threshold is not None and (self.fixed_amounts is None or self.percentages is None):
            raise ValueError("`smart_tip_threshold` needs both `fixed_amounts` and `percentages`")
        return self


class Tipping(Part):
    """Tip suggestions by currency."""

    aed: CurrencyTips | None = None
    aud: CurrencyTips | None = None
    cad: CurrencyTips | None = None
    chf: CurrencyTips | None = None
    czk: CurrencyTips | None = None
    dkk: CurrencyTips | None = None
    eur: CurrencyTips | None = None
    gbp: CurrencyTips | None = None
    gip: CurrencyTips | None = None
    hkd: CurrencyTips | None = None
    huf: CurrencyTips | None = None
    jpy: CurrencyTips | None = None
    mxn: CurrencyTips | None = None
    myr: CurrencyTips | None = None
    nok: CurrencyTips | None = None
    nzd: CurrencyTips | None = None
    pln: CurrencyTips | None = None
    ron: CurrencyTips | None = None
    sek: CurrencyTips | None = None
    sgd: CurrencyTips | None = None
    usd: CurrencyTips | None = None

    @model_validator(mode="after")
    def _alike(self) -> Self:
        keys = {name: tuple(sorted(tips.model_fields_set)) for name, tips in self if tips is not None}
        if not keys:
            raise ValueError("`tipping` names no currency: leave it out to inherit")
        if len(set(keys.values())) > 1:
            listed = "; ".join(f"{name} has {' and '.join(each)}" for name, each in keys.items())
            raise ValueError(f"Stripe wants the same keys for every currency: {listed}")
        return self


class Switch(Part):
    """A feature that is on or off."""

    enabled: bool


class RebootWindow(Part):
    """When readers may restart, in hours of the location's own time; an end before the start: next day."""

    start_hour: Hour
    end_hour: Hour

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.start_hour == self.end_hour:
            raise ValueError("`start_hour` and `end_hour` must differ")
        return self


class ReaderSecurity(Part):
    """The passcode (5 digits) of the reader's own menu, by reference."""

    admin_menu_passcode: SecretReference


Ssid = Annotated[str, StringConstraints(min_length=1, max_length=32)]
CertificateFile: TypeAlias = str | SecretReference


class PersonalPsk(Part):
    """A network with one password (at most 63 characters)."""

    ssid: Ssid
    password: SecretReference


class EnterprisePeap(Part):
    """A network where each user has a password."""

    ssid: Ssid
    username: Line
    password: SecretReference
    ca_certificate_file: CertificateFile | None = None


class EnterpriseTls(Part):
    """A network where the reader shows a certificate."""

    ssid: Ssid
    client_certificate_file: CertificateFile
    private_key_file: CertificateFile
    private_key_file_password: SecretReference | None = None
    ca_certificate_file: CertificateFile | None = None

    @field_validator("private_key_file")
    @classmethod
    def _by_reference(cls, value: CertificateFile) -> CertificateFile:
        if isinstance(value, str) and not is_file_id(value):
            raise ValueError("a private key is a secret: write {file: PATH} or {credential: NAME}")
        return value


class Wifi(Part):
    """The network that readers join; `type` says which of the three sections is there."""

    type: Literal["personal_psk", "enterprise_eap_peap", "enterprise_eap_tls"]
    personal_psk: PersonalPsk | None = None
    enterprise_eap_peap: EnterprisePeap | None = None
    enterprise_eap_tls: EnterpriseTls | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = {name for name, value in self if name != "type" and value is not None}
        if given != {self.type}:
            raise ValueError(f"`wifi` of type {self.type} has exactly one section, `{self.type}`")
        return self


class ConfigurationSpec(Part):
    """docs.stripe.com/api/terminal/configuration; a section left out is inherited.

    `name` is the name in the account (else `metadata.name`). `is_account_default` declares the one
    Configuration that Stripe made for the whole account: it is changed, never created or assigned.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    is_account_default: bool = False
    bbpos_wisepad3: DeviceSection | None = None
    bbpos_wisepos_e: DeviceSection | None = None
    stripe_s700: DeviceSection | None = None
    stripe_s710: DeviceSection | None = None
    stripe_t600: DeviceSection | None = None
    verifone_m425: DeviceSection | None = None
    verifone_p400: DeviceSection | None = None
    verifone_p630: DeviceSection | None = None
    verifone_ux700: DeviceSection | None = None
    verifone_v660p: DeviceSection | None = None
    tipping: Tipping | None = None
    offline: Switch | None = None
    cellular: Switch | None = None
    reboot_window: RebootWindow | None = None
    reader_security: ReaderSecurity | None = None
    wifi: Wifi | None = None


class ReaderSpec(Part):
    """A reader at a Location. Of driver `stripe`: what Stripe registers; of others: how to reach it."""

    location: Name
    driver: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    registration_code: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    serial_number: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    label: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    metadata: Labels = {}
    link: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*://\S+$")] | None = None
    options: dict[MetadataKey, str] = {}

    _own_keys = field_validator("metadata")(_refuse_own_keys)


class LocationDocument(Part):
    """A Location."""

    api_version: Literal["tillgate/v1"] = Field(alias="apiVersion")
    kind: Literal["Location"]
    metadata: Metadata
    spec: LocationSpec


class ConfigurationDocument(Part):
    """A Configuration."""

    api_version: Literal["tillgate/v1"] = Field(alias="apiVersion")
    kind: Literal["Configuration"]
    metadata: Metadata
    spec: ConfigurationSpec = ConfigurationSpec()


class ReaderDocument(Part):
    """A Reader."""

    api_version: Literal["tillgate/v1"] = Field(alias="apiVersion")
    kind: Literal["Reader"]
    metadata: Metadata
    spec: ReaderSpec


AnyDocument: TypeAlias = LocationDocument | ConfigurationDocument | ReaderDocument
MODELS: Final[dict[str, type[AnyDocument]]] = {
    Kind.LOCATION: LocationDocument,
    Kind.CONFIGURATION: ConfigurationDocument,
    Kind.READER: ReaderDocument,
}


def is_file_id(value: str) -> bool:
    """Whether this is the id of a file at Stripe rather than a path."""
    return value.startswith(FILE_ID_PREFIX) and "." not in value and "/" not in value
