"""Files and secrets behind references: read, checked, and never told."""

import hashlib
from pathlib import Path

import pytest

from agent.documents import ProblemsError
from agent.fleet.contents import ContentsError, LocalContents, check, resolve
from agent.fleet.model import DesiredConfiguration, DesiredState, Fields, Leaf, Purpose, SecretValue, Upload

PNG = b"\x89PNG\r\n\x1a\n picture"
LOCAL = LocalContents()


def write(path: Path, content: bytes | str, mode: int = 0o600) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return f"file:{path}"


def state(*leaves: Leaf) -> DesiredState:
    sections: Fields = {(f"k{number}",): leaf for number, leaf in enumerate(leaves)}
    return DesiredState({"c": DesiredConfiguration("c", "c", sections)})


def test_secrets_come_from_files_and_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOCAL.secret(write(tmp_path / "pw", "pass\n")).reveal() == "pass"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert LOCAL.secret("credential:pw").reveal() == "pass"
    with pytest.raises(ContentsError, match="credential none is not in"):
        LOCAL.secret("credential:none")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.png", PNG), ("a.JPG", b"\xff\xd8\xff\xe0"), ("a.jpeg", b"\xff\xd8\xff\xe0"), ("a.gif", b"GIF89a")],
)
def test_pictures(tmp_path: Path, name: str, content: bytes) -> None:
    assert LOCAL.content(Upload(Purpose.SPLASHSCREEN, write(tmp_path / name, content))) == content


def test_certificates_and_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nx\n"
    reference = write(tmp_path / "ca.pem", pem, 0o644)
    assert LOCAL.content(Upload(Purpose.WIFI_CERTIFICATE, reference)) == pem.encode()
    key = write(tmp_path / "key", "-----BEGIN PRIVATE KEY-----\nx\n")
    assert LOCAL.content(Upload(Purpose.WIFI_PRIVATE_KEY, key)) == b"-----BEGIN PRIVATE KEY-----\nx\n"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    from_credential = Upload(Purpose.WIFI_CERTIFICATE, "credential:key")
    assert LOCAL.content(from_credential).startswith(b"-----BEGIN")


@pytest.mark.parametrize(
    ("purpose", "name", "content", "message"),
    [
        (Purpose.SPLASHSCREEN, "a.png", b"GIF89a", r"a.png does not hold what its name says \(.png\)"),
        (Purpose.SPLASHSCREEN, "a.png", PNG + bytes(2_000_000), "larger than the 2000000 bytes that Stripe"),
        (Purpose.WIFI_CERTIFICATE, "a.png", PNG, "does not hold what its name says"),
        (Purpose.WIFI_CERTIFICATE, "ca", b"x", r"does not hold what its name says \(PEM\)"),
    ],
)
def test_what_cannot_be_right_is_refused(
    tmp_path: Path, purpose: Purpose, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(ContentsError, match=message):
        LOCAL.content(Upload(purpose, write(tmp_path / name, content)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentsError, match=r"none.png cannot be read: No such file"):
        LOCAL.content(Upload(Purpose.SPLASHSCREEN, f"file:{tmp_path / 'none.png'}"))


def test_resolving_fills_in_values_and_hashes(tmp_path: Path) -> None:
    resolved = resolve(
        state(
            SecretValue(write(tmp_path / "pw", "pass")),
            Upload(Purpose.SPLASHSCREEN, write(tmp_path / "a.png", PNG)),
            "text",
        ),
        LOCAL,
    )
    secret, upload, text = resolved.configurations["c"].sections.values()
    assert isinstance(secret, SecretValue)
    assert secret.value is not None
    assert secret.value.reveal() == "pass"
    assert "pass" not in repr(secret).replace("pw", "")
    assert isinstance(upload, Upload)
    assert upload.sha256 == hashlib.sha256(PNG).hexdigest()
    assert upload.filename == f"tillgate-{upload.sha256[:32]}.png"
    assert text == "text"


def test_what_cannot_be_resolved_is_told_with_its_place(tmp_path: Path) -> None:
    long = write(tmp_path / "long", "x" * 64)
    with pytest.raises(ProblemsError) as caught:
        resolve(
            state(
                SecretValue(f"file:{tmp_path / 'none'}", place=("f.yaml", 3, 4)),
                Upload(Purpose.SPLASHSCREEN, "file:/none.png", place=("f.yaml", 5, 6)),
                SecretValue(long, place=("f.yaml", 7, 8)),
            ),
            LOCAL,
        )
    lines = str(caught.value).splitlines()
    assert [line[:11] for line in lines] == ["f.yaml:3:4:", "f.yaml:5:6:", "f.yaml:7:8:"]
    assert "more than 63 characters" in lines[2]
    assert "xxx" not in lines[2]


def test_checking_looks_at_files_and_not_at_secrets() -> None:
    found = check(
        state(
            SecretValue("file:/none"),
            Upload(Purpose.WIFI_PRIVATE_KEY, "file:/none"),
            Upload(Purpose.WIFI_CERTIFICATE, "credential:none"),
            Upload(Purpose.SPLASHSCREEN, "file:/none.png", place=("f.yaml", 1, 2)),
            5,
        ),
        LOCAL,
    )
    assert [str(each) for each in found] == [
        "f.yaml:1:2: /none.png cannot be read: No such file or directory"
    ]
