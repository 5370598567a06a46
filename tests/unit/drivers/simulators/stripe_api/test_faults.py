"""Faults to order."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.faults import Effect, Faults, read_fault

PROCESS = "/v1/terminal/readers/tmr_1/process_payment_intent"


def faults(*given: Any) -> Faults:
    result = Faults()
    for index, item in enumerate(given):
        result.add(read_fault(f"flt_{index}", item))
    return result


@pytest.mark.parametrize(
    ("path", "hit"),
    [
        ("/v1/terminal/readers/*/process_payment_intent", True),
        ("/v1/terminal/readers/*", False),
        ("/v1/terminal/**", True),
        (PROCESS, True),
        ("/v1/terminal/readers/tmr_*/process_*", True),
        ("/v1/payment_intents", False),
    ],
)
def test_paths_are_globs_of_segments(path: str, hit: bool) -> None:
    found = faults({"effect": "drop_before", "match": {"path": path, "method": "POST"}})
    assert (found.take("POST", PROCESS, reader_command=True) is not None) is hit
    assert found.take("GET", PROCESS, reader_command=True) is None


def test_faults_count_down() -> None:
    found = faults({"effect": "drop_before", "times": 2}, {"effect": "drop_after", "times": None})
    effects = [found.take("GET", "/v1/x", reader_command=False) for _ in range(4)]
    assert [fault.effect for fault in effects if fault] == [
        Effect.DROP_BEFORE,
        Effect.DROP_BEFORE,
        Effect.DROP_AFTER,
        Effect.DROP_AFTER,
    ]


def test_readers_and_webhooks_have_faults_of_their_own() -> None:
    found = faults({"effect": "timeout_delivered"}, {"effect": "lose_webhook"})
    assert found.take("GET", "/v1/x", reader_command=False) is None
    assert found.take("POST", PROCESS, reader_command=True) is not None
    assert found.take("POST", PROCESS, reader_command=True) is None
    assert found.take_webhook("charge.failed") is not None
    assert found.take_webhook("charge.failed") is None


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ([], "fault"),
        ({"effect": "drop_before", "surprise": 1}, "fault"),
        ({"effect": "drop_before", "match": {"host": "x"}}, "match"),
        ({"effect": "drop_before", "times": 0}, "times"),
        ({"effect": "drop_before", "times": True}, "times"),
        ({"effect": "explode"}, "effect"),
        ({}, "effect"),
        ({"effect": "delay"}, "effect"),
        ({"effect": "delay:soon"}, "effect"),
        ({"effect": "status:bad"}, "effect"),
        ({"effect": "drop_before:5"}, "effect"),
    ],
)
def test_faults_have_rules(given: Any, param: str) -> None:
    with pytest.raises(ApiError) as caught:
        read_fault("flt_1", given)
    assert caught.value.param == param
