"""A plan as JSON: for programs to read, and to be applied later exactly as it was shown.

Secrets are in it as references only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.fleet.actions import Action, Change, Obstacle, Plan, Unmanaged, Verb, shown
from agent.fleet.errors import PlanFileError
from agent.fleet.model import Kind, Leaf, Purpose, Reference, SecretValue, Upload
from agent.secret import Secret

FORMAT: Final = "tillgate-plan/1"


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan with the nonce of its idempotency keys: applying the file twice is one apply."""

    plan: Plan
    nonce: str


def data(plan: Plan) -> dict[str, Any]:
    """A plan for display and for programs."""
    return {
        "empty": plan.empty,
        "actions": [_action(each) for each in plan.actions],
        "obstacles": [
            {"kind": each.kind.value, "name": each.name, "message": each.message, **_at(each.place)}
            for each in plan.obstacles
        ],
        "unmanaged": [
            {
                "kind": each.kind.value,
                "id": each.id,
                "label": each.label,
                "ours": each.ours,
                "here": each.here,
            }
            for each in plan.unmanaged
        ],
        "observed": plan.observed,
    }


def _action(action: Action) -> dict[str, Any]:
    return {
        "action": action.verb.value,
        "kind": action.kind.value,
        "name": action.name,
        "id": action.id or None,
        "changes": [
            {"path": each.path, "old": shown(each.old), "new": shown(each.new)} for each in action.changes
        ],
        "note": action.note,
        **_at(action.place),
    }


def _at(place: tuple[str, int, int]) -> dict[str, Any]:
    return {"declared_at": ":".join(map(str, place)) if place[0] else None}


def save(saved: SavedPlan) -> str:
    """The text of a plan file."""
    content = data(saved.plan)
    for action, told in zip(saved.plan.actions, content["actions"], strict=True):
        told["params"] = [[list(key), _encoded(value)] for key, value in action.params.items()]
        told["reset"] = list(action.reset)
    return (
        json.dumps({"format": FORMAT, "nonce": saved.nonce, **content}, indent=2, ensure_ascii=False) + "\n"
    )


def load(text: str) -> SavedPlan:
    """The plan in a plan file; `PlanFileError` if it is none."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PlanFileError(f"this is no plan of `tillgate plan --out` (format {FORMAT})")
        plan = Plan(
            tuple(_read_action(each) for each in content["actions"]),
            tuple(
                Obstacle(Kind(each["kind"]), each["name"], each["message"]) for each in content["obstacles"]
            ),
            tuple(
                Unmanaged(
                    Kind(each["kind"]),
                    each["id"],
                    each["label"],
                    bool(each["ours"]),
                    bool(each.get("here", False)),
                )
                for each in content["unmanaged"]
            ),
            str(content["observed"]),
        )
        return SavedPlan(plan, str(content["nonce"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PlanFileError(f"the plan file is damaged ({error}): plan again") from error


def _read_action(each: Mapping[str, Any]) -> Action:
    return Action(
        Verb(each["action"]),
        Kind(each["kind"]),
        str(each["name"]),
        str(each["id"] or ""),
        tuple(Change(str(c["path"]), _decoded(c["old"]), _decoded(c["new"])) for c in each["changes"]),
        {tuple(map(str, key)): _present(value) for key, value in each["params"]},
        tuple(map(str, each["reset"])),
        str(each["note"]),
    )


def _encoded(value: Leaf) -> Any:
    match value:
        case SecretValue():
            return {"secret": value.reference}
        case Upload():
            return {"upload": value.reference, "purpose": value.purpose.value, "sha256": value.sha256}
        case Reference():
            return {"reference": value.name, "kind": value.kind.value}
        case Secret():
            raise TypeError("a secret does not go into a plan file")
        case tuple():
            return list(value)
        case _:
            return value


def _present(value: Any) -> Leaf:
    decoded = _decoded(value)
    if decoded is None:
        raise PlanFileError("the plan file is damaged (a parameter without a value): plan again")
    return decoded


def _decoded(value: Any) -> Leaf | None:
    match value:
        case {"secret": str(reference)}:
            return SecretValue(reference)
        case {"upload": str(reference), "purpose": str(purpose), "sha256": str(sha256)}:
            return Upload(Purpose(purpose), reference, sha256)
        case {"reference": str(name), "kind": str(kind)}:
            return Reference(Kind(kind), name)
        case list():
            return tuple(value)
        case None | str() | bool() | int():
            return value
        case _:
            raise PlanFileError("the plan file is damaged (an unknown kind of value): plan again")
