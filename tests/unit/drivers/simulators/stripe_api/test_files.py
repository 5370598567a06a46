"""Files as multipart uploads: what is taken and what is not."""

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.files import GIF_MAX, IMAGE_MAX, boundary_of
from drivers.simulators.stripe_api.wire import SimRequest, SimResponse
from tests.unit.drivers.simulators.stripe_api.caller import Caller

PNG = b"\x89PNG\r\n\x1a\n"
GIF = b"GIF89a"
PURPOSE = "terminal_reader_splashscreen"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    extra = f'; filename="{filename}"' if filename is not None else ""
    return f'Content-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + content + b"\r\n"


def form(*parts: bytes, boundary: bytes = b"xyz") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + item for item in parts) + b"--" + boundary + b"--\r\n"


async def upload(
    simulator: StripeSimulator, body: bytes, boundary: str = "xyz", **headers: str
) -> SimResponse:
    given = {
        "authorization": "Bearer sk_test_one",
        "content-type": f'multipart/form-data; boundary="{boundary}"',
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return await simulator.handle(SimRequest("POST", "/v1/files", given, body))


async def test_a_picture_is_kept_byte_by_byte(simulator: StripeSimulator, api: Caller) -> None:
    content = PNG + b"\r\n--xy\r\n\x00\xff"
    answer = await upload(
        simulator, form(part("purpose", PURPOSE.encode()), part("file", content, "C:\\a\\b.png"))
    )
    made = answer.json()
    assert (made["size"], made["type"], made["filename"]) == (len(content), "png", "b.png")
    assert await api.get(f"/v1/files/{made['id']}") == made
    assert (await api.get("/v1/files", purpose=PURPOSE, created={"lte": made["created"]}))["data"] == [made]
    assert (await api.get("/v1/files", purpose="pci_document"))["data"] == []


async def test_a_repeated_upload_makes_one_file(simulator: StripeSimulator, api: Caller) -> None:
    parts = (part("purpose", PURPOSE.encode()), part("file", PNG, "a.png"))
    first = await upload(simulator, form(*parts), idempotency_key="k")
    again = await upload(simulator, form(*parts, boundary=b"other"), "other", idempotency_key="k")
    assert (again.body, again.headers["idempotent-replayed"]) == (first.body, "true")
    assert len((await api.get("/v1/files"))["data"]) == 1


@pytest.mark.parametrize(
    ("purpose", "content", "param"),
    [
        (PURPOSE, b"no picture", "file"),
        (PURPOSE, PNG + bytes(IMAGE_MAX), "file"),
        (PURPOSE, GIF + bytes(GIF_MAX), "file"),
        ("terminal_wifi_certificate", b"no pem", "file"),
        ("terminal_android_apk", b"", "file"),
        ("nonsense", PNG, "purpose"),
    ],
)
async def test_files_must_fit(simulator: StripeSimulator, purpose: str, content: bytes, param: str) -> None:
    answer = await upload(simulator, form(part("purpose", purpose.encode()), part("file", content, "a")))
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    "body",
    [
        b"nothing",
        b"--xyz\r\nno end",
        form(b"Content-Disposition: form-data\r\n\r\nx\r\n"),
        form(*[part("a", b"b")] * 30),
        form(part("purpose", PURPOSE.encode())),
        form(part("purpose", PURPOSE.encode()), part("file", PNG)),
        form(part("purpose", PURPOSE.encode()), *[part("file", PNG, "a")] * 2),
        form(
            part("purpose", PURPOSE.encode()), part("file", PNG, "a"), part("file_link_data[create]", b"true")
        ),
    ],
)
async def test_odd_forms_are_refused(simulator: StripeSimulator, body: bytes) -> None:
    assert (await upload(simulator, body)).status == 400


async def test_an_upload_is_a_multipart_form(api: Caller) -> None:
    assert "multipart" in (await api.error("POST", "/v1/files", purpose=PURPOSE))["message"]
    assert boundary_of("multipart/form-data") is None
    assert boundary_of("text/plain; boundary=a") is None
    assert boundary_of("multipart/form-data; boundary=a") == b"a"


async def test_a_large_gif_and_an_expanded_answer(simulator: StripeSimulator) -> None:
    parts = (
        part("purpose", PURPOSE.encode()),
        part("file", GIF + bytes(IMAGE_MAX), "a"),
        part("expand[]", b"label"),
    )
    assert (await upload(simulator, form(*parts))).json()["error"]["param"] == "expand"
    assert (await upload(simulator, form(*parts[:2]))).status == 200
    pem = (part("purpose", b"terminal_wifi_private_key"), part("file", b"-----BEGIN KEY-----", "k%20&=+"))
    assert (await upload(simulator, form(*pem))).json()["type"] == "pem"
