"""The shipped schemas are those of the models."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from agent.fleet import schemas as schemas_module
from agent.fleet.schemas import schemas, write

SHIPPED = Path(__file__).parents[4] / "config" / "schemas"


def test_the_shipped_schemas_are_up_to_date(tmp_path: Path) -> None:
    write(tmp_path)
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_text(encoding="utf-8") for path in SHIPPED.iterdir()}
    assert shipped == made, "run `python -m agent.fleet.schemas config/schemas`"


def test_they_are_written_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["schemas", str(tmp_path)])
    runpy.run_path(str(schemas_module.__file__), run_name="__main__")
    assert (tmp_path / "reader.json").exists()


def test_a_schema_refuses_unknown_keys() -> None:
    location = schemas()["location.json"]
    assert location["additionalProperties"] is False
    assert location["properties"]["apiVersion"]["const"] == "tillgate/v1"
    assert set(schemas()) == {"gateway.json", "location.json", "configuration.json", "reader.json"}
    assert json.dumps(location)
