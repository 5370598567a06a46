"""The OpenAPI 3.1 document of the door, made from the models that check bodies and describe answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from agent.payments.model import State
from agent.pos import answers, bodies
from agent.pos.sessions import DECIDED, DEFAULT_PAGE, MAX_PAGE
from agent.pos.watch import MAX_WAIT_S

_REF = "#/components/schemas/"

_SALE_EXAMPLE: Mapping[str, Any] = MappingProxyType(
    {
        "reader": "till-1",
        "amount": 1250,
        "currency": "eur",
        "pos_key": "store7-2026-01-05-000123",
        "description": "Receipt 123",
        "metadata": {"receipt": "123"},
    }
)

_ERRORS: Mapping[int, str] = MappingProxyType(
    {
        400: "The request is wrong; `param` names the part. Nothing was stored.",
        401: "No token, or none of a till of this gateway.",
        404: "No such session of yours, or no such reader.",
        409: "`reader_busy`, `pos_key_reused`, `sale_covered` or `wrong_state`.",
        429: "Too much at once; `Retry-After` says when to come back.",
        500: "A mistake of the gateway. Says nothing about money: ask by `pos_key`.",
        502: "Stripe refused.",
        503: "Not now (shutting down, disk trouble, Stripe out of reach); `Retry-After` says when.",
    }
)


def _parameter(name: str, about: str, schema: Mapping[str, Any], *, where: str = "query") -> dict[str, Any]:
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": about,
        "schema": dict(schema),
    }


_TEXT: Mapping[str, Any] = MappingProxyType({"type": "string"})
_ID = _parameter("id", "The session's id.", _TEXT, where="path")


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    path: str
    name: str
    summary: str
    success: Mapping[int, type[BaseModel] | str]
    body: type[BaseModel] | None = None
    parameters: tuple[dict[str, Any], ...] = ()
    errors: tuple[int, ...] = (400, 401, 429, 500, 503)
    example: Mapping[str, Any] = field(default_factory=dict)
    token: bool = True
    operators_only: bool = False


_CALLS = (
    _Call(
        "post",
        "/v1/sessions",
        "openSession",
        "Open a sale. Safe to repeat: the same pos_key with the same content is the same session.",
        {201: answers.SessionShape, 200: answers.SessionShape},
        body=bodies.SaleBody,
        errors=(400, 401, 404, 409, 429, 500, 503),
        example=_SALE_EXAMPLE,
    ),
    _Call(
        "get",
        "/v1/sessions",
        "listSessions",
        "Your sessions, newest first.",
        {200: answers.SessionListShape},
        parameters=(
            _parameter("pos_key", "The session of this key.", _TEXT),
            _parameter("state", "Only sessions in this state.", {"enum": [state.value for state in State]}),
            _parameter("reader", "Only sessions on this reader.", _TEXT),
            _parameter("since", "Only sessions made at or after.", {"type": "string", "format": "date-time"}),
            _parameter(
                "limit",
                "How many a page.",
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
            ),
            _parameter("starting_after", "The last id of the page before.", _TEXT),
        ),
    ),
    _Call(
        "get",
        "/v1/sessions/{id}",
        "getSession",
        "One session, at once or (with wait) at its next change or when it is decided.",
        {200: answers.SessionShape},
        parameters=(
            _ID,
            _parameter(
                "wait",
                "Seconds to wait for a change.",
                {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S},
            ),
            _parameter(
                "seq", "The last change you have seen; the current one if left out.", {"type": "integer"}
            ),
            _parameter(
                "until",
                "With wait: answer only when nothing more happens by itself (instead of seq).",
                {"type": "string", "enum": [DECIDED]},
            ),
        ),
        errors=(400, 401, 404, 429, 500, 503),
    ),
    _Call(
        "get",
        "/v1/sessions/{id}/events",
        "watchSession",
        "Server-sent events: the session now and at each change, until it has ended.",
        {200: "text/event-stream", 204: ""},
        parameters=(
            _ID,
            _parameter(
                "Last-Event-ID", "The last change you have seen.", {"type": "integer"}, where="header"
            ),
        ),
        errors=(400, 401, 404, 429, 500, 503),
    ),
    _Call(
        "post",
        "/v1/sessions/{id}/cancel",
        "cancelSession",
        "Ask a sale to end. The state says what came of it: the customer may have been faster.",
        {200: answers.SessionShape},
        body=bodies.CancelBody,
        parameters=(_ID,),
        errors=(400, 401, 404, 409, 429, 500, 503),
    ),
    _Call(
        "post",
        "/v1/sessions/{id}/capture",
        "captureSession",
        "Move held money, all of it or less.",
        {200: answers.SessionShape},
        body=bodies.CaptureBody,
        parameters=(_ID,),
        errors=(400, 401, 404, 409, 429, 500, 503),
        example={"amount": 1000},
    ),
    _Call(
        "post",
        "/v1/sessions/{id}/refund",
        "refundSession",
        "Give money back: a new session of kind refund.",
        {201: answers.SessionShape, 200: answers.SessionShape},
        body=bodies.RefundBody,
        parameters=(_ID,),
        errors=(400, 401, 404, 409, 429, 500, 503),
        example={"pos_key": "store7-2026-01-05-000123-back", "amount": 500},
    ),
    _Call(
        "get",
        "/v1/sessions/{id}/timeline",
        "explainSession",
        "Everything the journal knows of a session. Only on the control socket.",
        {200: answers.EventListShape},
        parameters=(_ID,),
        errors=(400, 404, 500, 503),
        token=False,
        operators_only=True,
    ),
    _Call(
        "post",
        "/v1/sessions/{id}/resolve",
        "resolveSession",
        "End a doubt by an operator's word. Only on the control socket.",
        {200: answers.SessionShape},
        body=bodies.ResolveBody,
        parameters=(_ID,),
        errors=(400, 404, 409, 500, 503),
        example={"state": "paid", "because": "the terminal's journal shows receipt 0042 over 12.50 EUR"},
        token=False,
        operators_only=True,
    ),
    _Call(
        "post",
        "/v1/fleet/look",
        "lookAtFleet",
        "Look at the fleet files, the account and the readers now. Only on the control socket.",
        {202: answers.LookShape},
        body=bodies.LookBody,
        errors=(400, 500, 503),
        token=False,
        operators_only=True,
    ),
    _Call(
        "get",
        "/v1/sales/{id}",
        "getSale",
        "A sale that several sessions pay: what is paid, held, under way and left.",
        {200: answers.TenderShape},
        parameters=(_parameter("id", "Your own id of the sale.", _TEXT, where="path"),),
        errors=(400, 401, 404, 429, 500, 503),
    ),
    _Call(
        "get", "/v1/readers", "listReaders", "Every reader of the gateway.", {200: answers.ReaderListShape}
    ),
    _Call(
        "get",
        "/v1/readers/{name}",
        "getReader",
        "One reader: whether it is ready, since when, and why not.",
        {200: answers.ReaderShape},
        parameters=(_parameter("name", "The reader's name.", _TEXT, where="path"),),
        errors=(400, 401, 404, 429, 500, 503),
    ),
    _Call(
        "post",
        "/v1/connection_tokens",
        "createConnectionToken",
        "A fresh connection token for Stripe's client SDKs, for the gateway's location.",
        {200: answers.ConnectionTokenShape},
        body=bodies.ConnectionTokenBody,
        errors=(400, 401, 404, 429, 500, 502, 503),
    ),
    _Call(
        "get",
        "/v1/health",
        "getHealth",
        "How the gateway is.",
        {200: answers.HealthShape, 503: answers.HealthShape},
        errors=(500,),
        token=False,
    ),
    _Call(
        "get",
        "/metrics",
        "getMetrics",
        "Counters in Prometheus' text format. From this machine without a token.",
        {200: "text/plain"},
        errors=(401, 429, 500),
    ),
    _Call(
        "get",
        "/openapi.json",
        "getOpenapi",
        "This document.",
        {200: "application/json"},
        errors=(500,),
        token=False,
    ),
)


def document() -> dict[str, Any]:
    """The whole document as JSON values."""
    models = {model for call in _CALLS for model in call.success.values() if not isinstance(model, str)}
    models |= {answers.ErrorShape, *(call.body for call in _CALLS if call.body is not None)}
    ordered = sorted(models, key=lambda model: model.__name__)
    names, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REF + "{model}"
    )
    del names
    paths: dict[str, dict[str, Any]] = {}
    for call in _CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tillgate",
            "version": "1",
            "summary": "Card payments for tills",
            "description": "Amounts are whole numbers of minor units. Every answer carries a Request-Id.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8470"}],
        "security": [{"till": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "till": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Made by `tillgate till add NAME`.",
                }
            },
        },
    }


def _operation(call: _Call) -> dict[str, Any]:
    responses = {str(status): _success(status, shape) for status, shape in call.success.items()}
    for status in call.errors:
        responses.setdefault(str(status), _json_answer(_ERRORS[status], answers.ErrorShape))
    operation: dict[str, Any] = {"operationId": call.name, "summary": call.summary, "responses": responses}
    if call.parameters:
        operation["parameters"] = list(call.parameters)
    if call.body is not None:
        content: dict[str, Any] = {"schema": {"$ref": _REF + call.body.__name__}}
        if call.example:
            content["example"] = dict(call.example)
        required = any(part.is_required() for part in call.body.model_fields.values())
        operation["requestBody"] = {"required": required, "content": {"application/json": content}}
    if not call.token:
        operation["security"] = []
    if call.operators_only:
        operation["x-control-socket-only"] = True
    return operation


def _success(status: int, shape: type[BaseModel] | str) -> dict[str, Any]:
    about = HTTPStatus(status).phrase
    if not isinstance(shape, str):
        return _json_answer(about, shape)
    if not shape:
        return {"description": "It has ended and you have seen all of it."}
    return {"description": about, "content": {shape: {}}}


def _json_answer(about: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "description": about,
        "content": {"application/json": {"schema": {"$ref": _REF + model.__name__}}},
    }
