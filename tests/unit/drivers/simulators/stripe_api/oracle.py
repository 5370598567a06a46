"""What the official `stripe` package says about Stripe's objects and parameters, read from its source."""

import ast
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import stripe

from drivers.simulators.stripe_api.shapes import Array, Choice, Either, Hash, NotSimulated, Shape, Text

ROOT = Path(stripe.__file__).parent

OBJECTS = {
    "terminal.reader": ("terminal/_reader.py", "Reader"),
    "terminal.location": ("terminal/_location.py", "Location"),
    "terminal.configuration": ("terminal/_configuration.py", "Configuration"),
    "terminal.connection_token": ("terminal/_connection_token.py", "ConnectionToken"),
    "payment_intent": ("_payment_intent.py", "PaymentIntent"),
    "payment_method": ("_payment_method.py", "PaymentMethod"),
    "setup_intent": ("_setup_intent.py", "SetupIntent"),
    "setup_attempt": ("_setup_attempt.py", "SetupAttempt"),
    "charge": ("_charge.py", "Charge"),
    "refund": ("_refund.py", "Refund"),
    "event": ("_event.py", "Event"),
    "file": ("_file.py", "File"),
    "webhook_endpoint": ("_webhook_endpoint.py", "WebhookEndpoint"),
}

EXTRA_FIELDS = {
    "PaymentIntent.amount_tip": "documented for tips on the reader, absent from the package's class",
}
"""Fields we send that the package's classes do not have, and why."""


OPEN_WORDS = {
    "api_version": "compared in the operation, against the table of versions",
    "enabled_events": "any event type and any group of them is accepted",
    "purpose": "a filter: another word finds nothing",
}
"""Parameters of closed sets that our tables take as text, and why."""


@dataclass
class Described:
    """One class of the package: its fields as written, the classes inside it and around it."""

    name: str
    fields: dict[str, ast.expr] = field(default_factory=dict)
    inner: dict[str, "Described"] = field(default_factory=dict)
    outer: "Described | None" = None

    def find(self, name: str) -> "Described | None":
        """A class by its name, from the inside out."""
        return self.inner.get(name) or (self.outer.find(name) if self.outer else None)


def _describe(node: ast.ClassDef, outer: Described | None) -> Described:
    result = Described(node.name, outer=outer)
    for item in node.body:
        if isinstance(item, ast.ClassDef):
            result.inner[item.name] = _describe(item, result)
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.value is None:
            result.fields[item.target.id] = item.annotation
    return result


@functools.cache
def module(path: str) -> dict[str, Described]:
    """All classes of a module of the package."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name: _describe(node, None) for node in tree.body if isinstance(node, ast.ClassDef)}


def literals(node: ast.expr) -> set[str]:
    """The words of every Literal in an annotation."""
    found: set[str] = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Subscript) and ast.unparse(item.value) == "Literal":
            found |= {str(leaf.value) for leaf in ast.walk(item.slice) if isinstance(leaf, ast.Constant)}
    return found


def _forward(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    return node


def _outermost(node: ast.expr, name: str) -> ast.expr | None:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == name:
        return node.slice
    return None


def check_object(body: dict[str, Any]) -> list[str]:
    """Every disagreement between one of our objects and the package's class for it."""
    if body.get("object") in {"list", "search_result"}:
        return [line for item in body["data"] for line in check_object(item)]
    kind = body["object"]
    path, name = OBJECTS[kind]
    if body.get("deleted"):
        described = module(path)[name]
        return [f"{name}.{key}: unknown field" for key in body if key not in described.fields]
    return _check_class(body, module(path)[name], name)


def _check_class(body: dict[str, Any], described: Described, where: str) -> list[str]:
    wrong: list[str] = []
    for key, value in body.items():
        annotation = described.fields.get(key)
        if annotation is None:
            if f"{described.name}.{key}" not in EXTRA_FIELDS:
                wrong.append(f"{where}.{key}: unknown field")
            continue
        wrong += _check_value(value, annotation, described, f"{where}.{key}")
    for key, annotation in described.fields.items():
        if key not in body and _outermost(_forward(annotation), "Optional") is None:
            wrong.append(f"{where}.{key}: missing")
    return wrong


def _check_value(value: Any, node: ast.expr, scope: Described, where: str) -> list[str]:
    node = _forward(node)
    inner = _outermost(node, "Optional")
    if inner is not None:
        return [] if value is None else _check_value(value, inner, scope, where)
    if value is None:
        return [f"{where}: null"]
    if isinstance(value, dict) and value.get("object") in (*OBJECTS, "list"):
        return check_object(value)
    element = _outermost(node, "List")
    if element is not None:
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [line for item in value for line in _check_value(item, element, scope, where + "[]")]
    words = literals(node)
    if words:
        return [] if value in words else [f"{where}: {value!r} is none of the package's words"]
    name = ast.unparse(node)
    described = scope.find(name)
    if described is not None:
        return _check_class(value, described, where) if isinstance(value, dict) else [f"{where}: no object"]
    plain = {"str": str, "int": int, "bool": bool, "float": float}.get(name)
    if plain is not None and type(value) is not plain:
        return [f"{where}: {value!r} is no {name}"]
    if name.startswith(("UntypedStripeObject", "ListObject")) and not isinstance(value, dict):
        return [f"{where}: no object"]
    if name.startswith("ExpandableField") and not isinstance(value, str):
        return [f"{where}: no id"]
    return []


def check_parameters(path: str, name: str, ours: Hash, extra: set[str]) -> list[str]:
    """Every disagreement between one of our parameter tables and the package's TypedDict for it.

    What we refuse on purpose (`NotSimulated`, with its reason) counts as known.
    """
    classes = module(path)
    return _check_typed_dict(classes, classes[name], ours, "", extra)


def _check_typed_dict(
    classes: dict[str, Described], theirs: Described, ours: Hash, where: str, extra: set[str]
) -> list[str]:
    wrong: list[str] = []
    for key, annotation in theirs.fields.items():
        node, place = _forward(annotation), f"{where}{key}"
        optional = _outermost(node, "NotRequired")
        node = _forward(node if optional is None else optional)
        shape = ours.fields.get(key)
        if shape is None:
            wrong.append(f"{place}: not in our table")
            continue
        if isinstance(shape, NotSimulated):
            continue
        if (optional is None) != (key in ours.required):
            wrong.append(f"{place}: required here, optional there or the other way round")
        wrong += _check_shape(classes, node, shape, place, extra)
    for key in ours.fields:
        if key not in theirs.fields and f"{where}{key}" not in extra:
            wrong.append(f"{where}{key}: not in the package")
    return wrong


def _named(classes: dict[str, Described], node: ast.expr) -> Described | None:
    for item in ast.walk(node):
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value in classes:
            return classes[item.value]
        if isinstance(item, ast.Name) and item.id in classes:
            return classes[item.id]
    return None


def _check_shape(
    classes: dict[str, Described], node: ast.expr, shape: Shape, place: str, extra: set[str]
) -> list[str]:
    described = _named(classes, node)
    if isinstance(shape, Either):
        shape = shape.hashed
    if isinstance(shape, Array):
        shape = shape.item
    if isinstance(shape, Hash):
        if described is None:
            return [f"{place}: a hash here, not there"]
        return _check_typed_dict(classes, described, shape, place + ".", extra)
    if described is not None:
        return [f"{place}: a hash there, not here"]
    words = literals(node) - {""}
    if isinstance(shape, Text) and words and place not in OPEN_WORDS:
        return [f"{place}: any text here, words there"]
    if isinstance(shape, Choice):
        return [] if set(shape.values) == words else [f"{place}: other words: {words ^ set(shape.values)}"]
    return []
