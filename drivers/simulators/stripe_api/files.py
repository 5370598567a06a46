"""Files: splash screens and Wi-Fi certificates, uploaded as multipart forms."""

import re
from dataclasses import dataclass
from typing import Final

from drivers.simulators.stripe_api import payment_parameters
from drivers.simulators.stripe_api.calls import Call, Endpoint
from drivers.simulators.stripe_api.errors import ApiError, bad_parameter, missing_parameter
from drivers.simulators.stripe_api.expansion import check_paths
from drivers.simulators.stripe_api.shapes import ONLY_EXPAND
from drivers.simulators.stripe_api.store import Body, Page, Record, created_within
from drivers.simulators.stripe_api.wire import decode_form

KIND: Final = "file"
PARTS_MAX: Final = 20
"""Parts in one upload: the operation has three parameters."""
MEGABYTE: Final = 1024 * 1024
IMAGE_MAX: Final = 2 * MEGABYTE
GIF_MAX: Final = 4 * MEGABYTE
CERTIFICATE_MAX: Final = MEGABYTE
SIGNATURES: Final = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"))


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    filename: str | None
    content: bytes


def boundary_of(content_type: str) -> bytes | None:
    """What separates the parts of a multipart form; None for another content type."""
    found = re.search(r'boundary="?([^";,]+)"?', content_type)
    if found is None or not content_type.lower().startswith("multipart/form-data"):
        return None
    return found[1].encode()


def _parts(content_type: str, raw: bytes) -> list[_Part]:
    boundary = boundary_of(content_type)
    if boundary is None:
        raise ApiError(
            "Invalid request (check that your POST content type is multipart/form-data).", stored=False
        )
    chunks = (b"\r\n" + raw).split(b"\r\n--" + boundary)
    if len(chunks) > PARTS_MAX + 2:
        raise ApiError("Invalid request: too many parts.", stored=False)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        raise ApiError("Invalid request: the multipart form does not end.", stored=False)
    return [_part(chunk) for chunk in chunks[1:-1]]


def _part(chunk: bytes) -> _Part:
    head, _, content = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    text = head.decode("utf-8", "replace")
    name = re.search(r'[ ;]name="([^"]*)"', text)
    if name is None:
        raise ApiError("Invalid request: a part of the multipart form has no name.", stored=False)
    filename = re.search(r'filename="([^"]*)"', text)
    # some callers send the whole path of the file
    base = re.split(r"[/\\]", filename[1])[-1] if filename else None
    return _Part(name[1], base, content)


def _image_type(content: bytes) -> str | None:
    return next((kind for signature, kind in SIGNATURES if content.startswith(signature)), None)


def _check(purpose: str, content: bytes) -> str | None:
    """The type of the content, or the error Stripe has for what does not fit its purpose."""
    kind = _image_type(content)
    if purpose == "terminal_reader_splashscreen":
        if kind is None:
            raise bad_parameter("A splash screen is a JPG, PNG or GIF image.", "file")
        most = GIF_MAX if kind == "gif" else IMAGE_MAX
    elif purpose in payment_parameters.READER_FILES[1:3]:
        if b"-----BEGIN " not in content:
            raise bad_parameter("A certificate or key for Wi-Fi is a PEM file.", "file")
        kind, most = "pem", CERTIFICATE_MAX
    else:
        most = GIF_MAX
    if not content:
        raise bad_parameter("The file is empty.", "file")
    if len(content) >= most:
        raise bad_parameter(f"The file must be smaller than {most // MEGABYTE} MB.", "file", "file_too_large")
    return kind


def create(call: Call) -> Record:
    """`POST /v1/files`: one file with its purpose."""
    fields: list[str] = []
    upload: _Part | None = None
    for part in _parts(call.content_type, call.raw):
        if part.name == "file" and part.filename is not None:
            if upload is not None:
                raise bad_parameter("You may only upload one file at a time.", "file")
            upload = part
        else:
            value = part.content.decode("utf-8", "replace")
            fields.append(f"{_quoted(part.name)}={_quoted(value)}")
    params = payment_parameters.FILE_CREATE.read(decode_form("&".join(fields)))
    assert isinstance(params, dict)
    call.expand = check_paths(params.pop("expand", []))
    if upload is None:
        raise missing_parameter("file")
    kind = _check(params["purpose"], upload.content)
    body: Body = {
        "id": call.world.new_id("file_1"),
        "object": KIND,
        "created": call.world.seconds(),
        "expires_at": None,
        "filename": upload.filename,
        "purpose": params["purpose"],
        "size": len(upload.content),
        "title": None,
        "type": kind,
        "url": None,
    }
    return call.world.add(call.account, KIND, body)


def _quoted(text: str) -> str:
    for letter, code in (("%", "%25"), ("&", "%26"), ("=", "%3D"), ("+", "%2B")):
        text = text.replace(letter, code)
    return text


def retrieve(call: Call) -> Record:
    """`GET /v1/files/{id}`."""
    return call.account.find(KIND, call.target)


def listing(call: Call) -> Page:
    """`GET /v1/files`, filtered by created and purpose."""
    within, purpose = created_within(call.params), call.params.get("purpose")
    return call.account.page(
        KIND,
        call.params,
        "/v1/files",
        lambda record: within(record) and purpose in (None, record.body["purpose"]),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/files", payment_parameters.FILE_LIST, listing),
    Endpoint("POST", "/v1/files", payment_parameters.FILE_CREATE, create, multipart=True),
    Endpoint("GET", "/v1/files/{id}", ONLY_EXPAND, retrieve),
)
