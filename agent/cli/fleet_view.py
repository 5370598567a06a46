"""Plans, drift and results as people and programs read them: pure functions, no I/O."""

from collections.abc import Iterator
from typing import Any, Final

from agent.fleet.actions import Action, Plan, Verb, shown
from agent.fleet.apply import Report
from agent.fleet.plan_file import data as plan_data

__all__ = ["apply_data", "drift_data", "drift_lines", "plan_data", "plan_lines", "summary"]

_MARKS: Final = {
    Verb.CREATE: "+",
    Verb.REGISTER: "+",
    Verb.ADOPT: "~",
    Verb.UPDATE: "~",
    Verb.MOVE: "±",
    Verb.REMOVE: "-",
}


def summary(plan: Plan) -> str:
    """A plan in one line."""
    counts = {
        "to create": sum(each.verb in {Verb.CREATE, Verb.REGISTER} for each in plan.actions),
        "to change": sum(each.verb in {Verb.ADOPT, Verb.UPDATE} for each in plan.actions),
        "to move": sum(each.verb is Verb.MOVE for each in plan.actions),
        "to remove": sum(each.verb is Verb.REMOVE for each in plan.actions),
        "for people to settle": len(plan.obstacles),
    }
    if plan.empty:
        return "nothing to do: the account is as declared"
    return "plan: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def plan_lines(plan: Plan) -> Iterator[str]:
    """A plan for people: each action with what changes, then what stands in the way, then the summary."""
    for action in plan.actions:
        yield from _action_lines(action)
    for obstacle in plan.obstacles:
        at = f"{':'.join(map(str, obstacle.place))}: " if obstacle.place[0] else ""
        yield f"! {at}{obstacle.kind} {obstacle.name}: {obstacle.message}"
    removed = {each.id for each in plan.actions if each.verb is Verb.REMOVE}
    ours = [each for each in plan.unmanaged if each.ours and each.id not in removed]
    for each in ours:
        if each.here:
            yield f"  {each.kind} {each.label} ({each.id}) is no longer declared; --prune removes it"
    away = sum(not each.here for each in ours)
    if away:
        yield f"  {away} with our names elsewhere in the account left alone (see --prune --everywhere)"
    others = sum(not each.ours for each in plan.unmanaged)
    if others:
        yield f"  {others} other object{'s' if others > 1 else ''} in the account left alone"
    yield summary(plan)


def _action_lines(action: Action) -> Iterator[str]:
    identifier = f" ({action.id})" if action.id else ""
    yield f"{_MARKS[action.verb]} {action.verb} {action.kind} {action.name}{identifier}"
    if action.note:
        yield f"    {action.note}"
    for change in action.changes:
        old, new = _value(shown(change.old)), _value(shown(change.new))
        yield f"    {change.path}: {new}" if change.old is None else f"    {change.path}: {old} -> {new}"


def _value(value: object) -> str:
    text = "(not set)" if value is None else str(value)
    # Nothing from an account may move the cursor of the terminal it is shown on.
    return "".join(letter if letter.isprintable() else " " for letter in text)


def drift_data(plan: Plan) -> dict[str, Any]:
    """What differs, value by value."""
    rows: list[dict[str, Any]] = []
    for action in plan.actions:
        about = {"kind": action.kind.value, "name": action.name, "id": action.id or None}
        match action.verb:
            case Verb.CREATE | Verb.REGISTER:
                rows.append({**about, "path": None, "declared": "present", "found": "missing"})
            case Verb.REMOVE:
                rows.append({**about, "path": None, "declared": "absent", "found": "present"})
            case _:
                rows += [
                    {**about, "path": each.path, "declared": shown(each.new), "found": shown(each.old)}
                    for each in action.changes
                ]
    data = plan_data(plan)
    return {
        "in_sync": plan.empty,
        "drift": rows,
        "obstacles": data["obstacles"],
        "unmanaged": data["unmanaged"],
    }


def drift_lines(plan: Plan) -> Iterator[str]:
    """What differs, for people."""
    for row in drift_data(plan)["drift"]:
        where = f"{row['kind']} {row['name']}" + (f" {row['path']}" if row["path"] else "")
        yield f"{where}: declared {_value(row['declared'])}, found {_value(row['found'])}"
    for obstacle in plan.obstacles:
        yield f"{obstacle.kind} {obstacle.name}: {obstacle.message}"
    for each in plan.unmanaged:
        yield f"{each.kind} {_value(each.label or each.id)} ({each.id}): not declared"
    yield "in sync: the account is as declared" if plan.empty else "the account is not as declared"


def apply_data(report: Report) -> dict[str, Any]:
    """What became of a plan."""
    return {
        "complete": report.complete,
        "results": [
            {
                "action": each.action.verb.value,
                "kind": each.action.kind.value,
                "name": each.action.name,
                "result": each.status.value.replace(" ", "_"),
                "id": each.id or None,
                "message": each.message,
            }
            for each in report.results
        ],
        "obstacles": [
            {"kind": each.kind.value, "name": each.name, "message": each.message} for each in report.obstacles
        ],
    }
