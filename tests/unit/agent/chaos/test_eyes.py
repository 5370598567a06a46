"""How far each sale is, and which faults came true at which step."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from agent.chaos.eyes import Eyes
from agent.payments.writer import Pending


class FakeWrite:
    """The events of one change."""

    def __init__(self, session: str, kind: str, facts: Mapping[str, Any]) -> None:
        self.events = [(session, 1, 0, kind, json.dumps(facts))]


def tell(eyes: Eyes, session: str, kind: str, /, **facts: Any) -> None:
    pending = Pending(cast("Any", FakeWrite(session, kind, facts)), 1, None)
    eyes.told([pending])


OPENED = {"reader": "r1", "kind": "payment"}


def test_the_steps_of_a_sale_are_followed_and_told() -> None:
    eyes = Eyes(lambda: 1.0, trace=True)
    moments: list[tuple[str, str]] = []
    eyes.on_moment = lambda reader, step: moments.append((reader, step))
    assert eyes.step_at("r1") == "idle"
    tell(eyes, "ses_1", "opened", **OPENED)
    tell(eyes, "ses_1", "started", driver="x" * 300)
    tell(eyes, "ses_1", "reference", name="payment_intent", value="pi_1")
    tell(eyes, "ses_1", "attempt", operation="process")
    tell(eyes, "ses_1", "progress", step="preparing")
    tell(eyes, "ses_1", "progress", step="waiting_for_card")
    tell(eyes, "ses_1", "progress", step="entering_pin")
    tell(eyes, "ses_1", "cancel_asked", by="till")
    tell(eyes, "ses_1", "doubted", code="x")
    tell(eyes, "ses_1", "concluded", verdict="authorized")
    tell(eyes, "ses_1", "settling", settlement="capture")
    tell(eyes, "ses_1", "settling", settlement="release")
    tell(eyes, "ses_1", "tidied")
    tell(eyes, "ses_1", "concluded", verdict="paid")
    assert [step for _, step in moments] == [
        "opened",
        "started",
        "reference",
        "attempt",
        "waiting",
        "authorizing",
        "cancel asked",
        "doubt",
        "held",
        "capturing",
        "releasing",
        "ended",
    ]
    assert any("..." in line for line in eyes.timeline)


def test_refunds_have_steps_of_their_own() -> None:
    eyes = Eyes(lambda: 1.0, trace=False)
    tell(eyes, "ses_1", "opened", reader="r1", kind="refund")
    steps = [eyes.step_at("r1")]
    for kind in ("started", "attempt", "doubted", "concluded"):
        tell(eyes, "ses_1", kind, verdict="paid")
        steps.append(eyes.step_at("r1"))
    assert steps == ["refund opened", "refund opened", "refund sent", "refund doubt", "refunded"]
    assert eyes.timeline == []


@pytest.mark.parametrize(
    ("path", "body", "step"),
    [
        ("/v1/terminal/readers/tmr_1/process_payment_intent", "", "reference"),
        ("/v1/payment_intents/pi_1/cancel?x=1", "", "reference"),
        ("/v1/payment_intents", "amount=1&metadata[tillgate_session]=ses_1", "reference"),
        ("/v1/refunds", "payment_intent=pi_1", "reference"),
        ("/v1/terminal/locations", "", "idle"),
    ],
)
def test_a_fault_of_a_request_counts_where_its_sale_is(path: str, body: str, step: str) -> None:
    eyes = Eyes(lambda: 1.0, trace=False)
    eyes.name_reader("tmr_1", "r1")
    tell(eyes, "ses_1", "opened", **OPENED)
    tell(eyes, "ses_1", "reference", name="payment_intent", value="pi_1")
    eyes.request_fired("500", path, body)
    assert dict(eyes.coverage) == {("500", step): 1}


def test_a_fault_of_the_whole_gateway_counts_for_every_sale() -> None:
    eyes = Eyes(lambda: 1.0, trace=False)
    eyes.fired("crash")
    assert eyes.coverage["crash", "idle"] == 1
    tell(eyes, "ses_1", "opened", **OPENED)
    tell(eyes, "ses_2", "opened", reader="r2", kind="refund")
    eyes.fired("crash")
    assert eyes.coverage["crash", "opened"] == eyes.coverage["crash", "refund opened"] == 1
