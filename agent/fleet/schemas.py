"""JSON Schemas of the files that admins write: `python -m agent.fleet.schemas config/schemas`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from agent.fleet.desired import MODELS
from agent.settings import Settings

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, dict[str, Any]]:
    """The schemas by file name."""
    models: dict[str, type[BaseModel]] = {"Gateway": Settings, **MODELS}
    return {
        f"{kind.lower()}.json": {"$schema": DIALECT, **model.model_json_schema()}
        for kind, model in models.items()
    }


def write(directory: Path) -> None:
    """Write each schema to its file."""
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True)
        (directory / name).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
