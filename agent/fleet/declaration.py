"""From documents to desired state: every document checked alone and against the others, with its place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from agent import documents
from agent.documents import Document, Loc, Problem, ProblemsError
from agent.fleet import countries
from agent.fleet.desired import (
    MODELS,
    AnyDocument,
    ConfigurationDocument,
    ConfigurationSpec,
    LocationDocument,
    LocationSpec,
    ReaderDocument,
    ReaderSpec,
    is_file_id,
)
from agent.fleet.model import (
    DesiredConfiguration,
    DesiredLocation,
    DesiredReader,
    DesiredState,
    Kind,
    Leaf,
    Place,
    Purpose,
    SecretValue,
    Upload,
    flatten,
)
from agent.settings import SecretReference


def declare(found: Sequence[Document]) -> DesiredState:
    """The desired state in these documents; `ProblemsError` with everything that is wrong in any of them.

    Files and secrets are only referred to: `agent.fleet.contents` reads them.
    """
    problems: list[Problem] = []
    accepted: list[tuple[Document, AnyDocument]] = []
    for document in found:
        model = MODELS.get(document.kind_hint)
        try:
            if model is None:
                problems.append(_unknown_kind(document))
            else:
                accepted.append((document, documents.validate(model, document)))
        except ProblemsError as error:
            problems += error.problems
    problems += _duplicates(accepted)
    names = {kind: {each.metadata.name for _, each in accepted if each.kind == kind} for kind in Kind}
    defaults = {
        each.metadata.name
        for _, each in accepted
        if isinstance(each, ConfigurationDocument) and each.spec.is_account_default
    }
    for document, each in accepted:
        match each:
            case LocationDocument():
                problems += _check_location(document, each)
                # Where documents were refused, what they declare is unknown: a second message would mislead.
                if len(accepted) == len(found):
                    problems += _check_configuration_reference(document, each.spec, names, defaults)
            case ReaderDocument():
                problems += _check_reader(document, each.spec)
                if len(accepted) == len(found) and each.spec.location not in names[Kind.LOCATION]:
                    problems.append(
                        document.problem(
                            f"there is no Location `{each.spec.location}` in these files",
                            ("spec", "location"),
                        )
                    )
            case ConfigurationDocument():
                pass
    if problems:
        raise ProblemsError(sorted(problems))
    return _state(accepted)


def _unknown_kind(document: Document) -> Problem:
    if not isinstance(document.data, dict) or "kind" not in document.data:
        return document.problem(f"`kind` is missing: {', '.join(MODELS)}")
    return document.problem(f"`kind` must be one of {', '.join(MODELS)}", ("kind",))


def _duplicates(accepted: Sequence[tuple[Document, AnyDocument]]) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[tuple[str, str], Document] = {}
    default: Document | None = None
    stripe_names: dict[str, Document] = {}
    for document, each in accepted:
        name = each.metadata.name
        first = seen.setdefault((each.kind, name), document)
        if first is not document:
            at = first.position(("metadata", "name"))
            problems.append(
                document.problem(f"{each.kind} `{name}` is already declared at {at}", ("metadata", "name"))
            )
        elif isinstance(each, ConfigurationDocument):
            if each.spec.is_account_default:
                if default is not None:
                    message = f"the account has one default, already declared at {default.position()}"
                    problems.append(document.problem(message, ("spec", "is_account_default")))
                default = document
                continue
            stripe_name = each.spec.name or name
            twin = stripe_names.setdefault(stripe_name, document)
            if twin is not document and each.metadata.id is None:
                message = f"another Configuration has the name `{stripe_name}`: {twin.position()}"
                problems.append(document.problem(message, ("spec", "name")))
    return problems


def _check_location(document: Document, location: LocationDocument) -> list[Problem]:
    if location.metadata.id is not None:
        return []  # exported: Stripe took it as it is, whatever today's rules are
    spec = location.spec
    at: Loc = ("spec",)
    if spec.address is None and (spec.address_kana or spec.address_kanji):
        if spec.display_name or spec.display_name_kana or spec.display_name_kanji:
            return []
        return [document.problem("give `display_name`, `display_name_kana` or `display_name_kanji`", at)]
    problems: list[Problem] = []
    if spec.display_name is None:
        problems.append(document.problem("`display_name` is missing", at))
    if spec.address is None:
        return [*problems, document.problem("`address` is missing", at)]
    country = spec.address.country
    at = ("spec", "address")
    if country == countries.JAPAN:
        message = "in Japan give `address_kana` or `address_kanji` instead of `address`"
        problems.append(document.problem(message, at, key=True))
    elif country not in countries.REQUIRED:
        problems.append(
            document.problem(f"Stripe Terminal is not available in `{country}`", (*at, "country"))
        )
    else:
        missing = [name for name in countries.REQUIRED[country] if getattr(spec.address, name) is None]
        problems += [document.problem(f"`{name}` is required in {country}", at) for name in missing]
    return problems


def _check_configuration_reference(
    document: Document, spec: LocationSpec, names: dict[Kind, set[str]], defaults: set[str]
) -> list[Problem]:
    at: Loc = ("spec", "configuration")
    if spec.configuration in defaults:
        message = "the account's default applies without being named: Stripe refuses to assign it"
        return [document.problem(message, at)]
    if spec.configuration is not None and spec.configuration not in names[Kind.CONFIGURATION]:
        message = f"there is no Configuration `{spec.configuration}` in these files"
        return [document.problem(message, at)]
    return []


def _check_reader(document: Document, spec: ReaderSpec) -> list[Problem]:
    at: Loc = ("spec",)
    problems: list[Problem] = []
    if spec.driver == "stripe":
        refused = [name for name in ("link", "options") if getattr(spec, name)]
        reason = "Stripe's readers are reached through Stripe"
    else:
        refused = [
            name
            for name in ("registration_code", "serial_number", "label", "metadata")
            if getattr(spec, name)
        ]
        reason = f"only readers of driver stripe are registered, not {spec.driver}"
        if spec.link is None:
            problems.append(
                document.problem(f"`link` is missing: how is this {spec.driver} reader reached?", at)
            )
    problems += [
        document.problem(f"`{name}` has no meaning here: {reason}", (*at, name), key=True) for name in refused
    ]
    return problems


def _state(accepted: Sequence[tuple[Document, AnyDocument]]) -> DesiredState:
    configurations: dict[str, DesiredConfiguration] = {}
    locations: dict[str, DesiredLocation] = {}
    readers: dict[str, DesiredReader] = {}
    for document, each in accepted:
        name, stripe_id = each.metadata.name, each.metadata.id or ""
        place = _place(document, ("metadata", "name"))
        match each:
            case ConfigurationDocument(spec=spec):
                configurations[name] = DesiredConfiguration(
                    name,
                    spec.name or ("" if stripe_id else name),
                    _sections(document, spec),
                    spec.is_account_default,
                    stripe_id,
                    place,
                )
            case LocationDocument(spec=spec):
                fields = flatten(spec.model_dump(exclude={"configuration", "metadata"}, exclude_none=True))
                locations[name] = DesiredLocation(
                    name, fields, spec.configuration or "", spec.metadata, stripe_id, place
                )
            case ReaderDocument(spec=spec):
                readers[name] = _reader(name, spec, stripe_id, place)
    return DesiredState(configurations, locations, readers)


def _reader(name: str, spec: ReaderSpec, stripe_id: str, place: Place) -> DesiredReader:
    return DesiredReader(
        name=name,
        location=spec.location,
        driver=spec.driver,
        registration_code=spec.registration_code or "",
        serial_number=spec.serial_number or "",
        label=spec.label,
        metadata=spec.metadata,
        options=spec.options | ({"link": spec.link} if spec.link else {}),
        id=stripe_id,
        place=place,
    )


def _place(document: Document, loc: Loc) -> Place:
    at = document.position(loc)
    return (at.file, at.line, at.column)


_PURPOSES: Final = {
    "splashscreen": Purpose.SPLASHSCREEN,
    "ca_certificate_file": Purpose.WIFI_CERTIFICATE,
    "client_certificate_file": Purpose.WIFI_CERTIFICATE,
    "private_key_file": Purpose.WIFI_PRIVATE_KEY,
}


def _sections(document: Document, spec: ConfigurationSpec) -> dict[tuple[str, ...], Leaf]:
    plain = _walk(document, spec, ("spec",))
    plain.pop("name", None)
    plain.pop("is_account_default", None)
    return flatten(plain)


def _walk(document: Document, part: BaseModel, loc: Loc) -> dict[str, Any]:
    return {
        name: _leaf(document, value, (*loc, name))
        for name, value in part
        if value is not None and name in part.model_fields_set
    }


def _leaf(document: Document, value: Any, loc: Loc) -> Any:
    directory = Path(document.name).absolute().parent
    place = _place(document, loc)
    purpose = _PURPOSES.get(str(loc[-1]))
    if isinstance(value, SecretReference):
        reference = (
            f"credential:{value.credential}" if value.credential else f"file:{directory / str(value.file)}"
        )
        return Upload(purpose, reference, place=place) if purpose else SecretValue(reference, place=place)
    if isinstance(value, BaseModel):
        return _walk(document, value, loc)
    if purpose and not is_file_id(value):
        return Upload(purpose, f"file:{directory / value}", place=place)
    return value
