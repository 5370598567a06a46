"""The API document: valid, complete, and true."""

from typing import Any

import pytest
from openapi_spec_validator import validate

from agent.pos.answers import SessionShape
from agent.pos.bodies import SaleBody, parse
from agent.pos.http import make_app
from agent.pos.metrics import Metrics
from agent.pos.openapi import document
from tests.unit.agent.pos.fake_desk import FakeDesk
from tests.unit.agent.pos.test_caller import FakeTills


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return document()


def _served(*, operator: bool) -> set[tuple[str, str]]:
    app = make_app(FakeDesk(), FakeTills(), None, dict, Metrics(), operator=operator)
    routes = app.router.routes()
    served = {(route.method.lower(), route.resource.canonical) for route in routes if route.resource}
    return served - {("get", "/")}  # the status page is for people


def test_it_is_valid(made: dict[str, Any]) -> None:
    validate(made)
    assert made["openapi"].startswith("3.1.")


async def test_it_lists_exactly_what_is_served(made: dict[str, Any]) -> None:
    listed = {(method, path): call for path, calls in made["paths"].items() for method, call in calls.items()}

    assert set(listed) == _served(operator=True)
    only_operators = {key for key, call in listed.items() if call.get("x-control-socket-only")}
    assert set(listed) - only_operators == _served(operator=False)


def test_each_call_has_a_name_of_its_own_and_says_how_it_fails(made: dict[str, Any]) -> None:
    calls = [call for path in made["paths"].values() for call in path.values()]

    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        assert "500" in call["responses"], call["operationId"]
        assert ("401" in call["responses"]) == ("security" not in call), call["operationId"]


def test_models_are_those_that_check(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]

    assert schemas["SaleBody"]["required"] == ["reader", "amount", "currency", "pos_key"]
    assert schemas["SaleBody"]["additionalProperties"] is False
    assert schemas["SaleBody"]["properties"]["amount"]["maximum"] == 99_999_999
    assert "eur" in schemas["SaleBody"]["properties"]["currency"]["enum"]
    assert set(SessionShape.model_fields) == set(schemas["SessionShape"]["properties"])


def test_examples_are_accepted(made: dict[str, Any]) -> None:
    sale = made["paths"]["/v1/sessions"]["post"]["requestBody"]
    assert sale["required"] is True
    assert parse(SaleBody, sale["content"]["application/json"]["example"]).amount == 1250
    assert made["paths"]["/v1/sessions/{id}/cancel"]["post"]["requestBody"]["required"] is False
