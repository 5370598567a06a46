"""`check`: gateway and fleet files, alone and together."""

from pathlib import Path

import pytest

from agent.fleet.checking import check

ROOT = Path(__file__).parents[4]
LOCATION = (
    "{apiVersion: tillgate/v1, kind: Location, metadata: {name: NAME}, spec: {display_name: x, "
    "address: {country: GI, line1: y}}}\n"
)


def told(paths: list[Path], config: Path = Path("/none")) -> list[str]:
    return [str(each) for each in check(paths, config)[1]]


def test_the_shipped_examples_are_good() -> None:
    assert check([ROOT / "config" / "fleet", ROOT / "config" / "gateway.example.yaml"], Path("/none")) == (
        4,
        [],
    )


def test_without_paths_the_gateway_and_its_fleet(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("gateway: {name: g}\nlocation: berlin\nfleet: {paths: [fleet]}\n")
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "a.yaml").write_text(LOCATION.replace("NAME", "berlin"))
    assert check([], config) == (2, [])
    (tmp_path / "fleet" / "a.yaml").write_text(LOCATION.replace("NAME", "oslo"))
    assert told([], config) == [f"{config}:2:11: there is no Location `berlin` in the fleet files"]


def test_a_config_that_is_no_gateway_is_told_so(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("gatway: {name: g}\n")
    assert f"{config}:1:1: unknown key `gatway`, did you mean `gateway`?" in told([], config)
    assert told([], tmp_path / "none.yaml") == [
        f"{tmp_path / 'none.yaml'}:1:1: cannot be read: No such file or directory"
    ]


def test_a_gateway_alone_is_not_measured_against_no_fleet(tmp_path: Path) -> None:
    gateway = tmp_path / "g.yaml"
    gateway.write_text("gateway: {name: g}\nlocation: berlin\n")
    assert check([gateway], Path("/none")) == (1, [])


def test_references_go_across_files_and_each_file_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(LOCATION.replace("NAME", "berlin"))
    reader = tmp_path / "b.yaml"
    reader.write_text(
        "{apiVersion: tillgate/v1, kind: Reader, metadata: {name: r}, "
        "spec: {location: berlin, driver: stripe}}\n"
    )
    assert check([tmp_path, reader], Path("/none")) == (2, [])
    assert "there is no Location `berlin`" in told([reader])[0]


def test_pictures_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "{apiVersion: tillgate/v1, kind: Configuration, metadata: {name: c}, "
        "spec: {stripe_s700: {splashscreen: none.png}}}\n"
    )
    column = path.read_text().index("none.png") + 1
    assert told([path]) == [
        f"{path}:1:{column}: {tmp_path / 'none.png'} cannot be read: No such file or directory"
    ]


def test_a_directory_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert told([tmp_path]) == [f"{tmp_path}:1:1: cannot be read: Permission denied"]
