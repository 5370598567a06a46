"""A sale followed from the command line."""

import asyncio
from typing import Any

import pytest

from agent.cli.daemon import AwayError, NoAnswerError, RefusedError
from agent.cli.errors import CommandError
from agent.cli.sale import describe, follow, sell, verdict
from tests.unit.agent.cli.fake_daemon import FakeDaemon, nobody, session

ORDER: dict[str, Any] = {"reader": "till-1", "amount": 1250, "currency": "eur", "pos_key": "k1"}


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


async def test_each_step_is_told_until_the_end(daemon: FakeDaemon) -> None:
    daemon.expect("POST /v1/sessions", session("opened", seq=1))
    daemon.expect(
        "GET /v1/sessions/ses_1",
        session(seq=4, progress="waiting_for_card"),
        session("in_doubt", seq=5, progress="checking"),
        session("paid", seq=6),
    )
    said: list[str] = []
    found = await sell(daemon, ORDER, asyncio.Event(), said.append)
    assert found["state"] == "paid"
    assert said == [
        "opening the sale",
        "till-1: waiting for the reader",
        "till-1: waiting for card",
        "till-1: in doubt: contact was lost while money may have moved; finding out",
    ]
    assert [said["seq"] for call, said in daemon.asked if call.startswith("GET")] == ["1", "4", "5"]


async def test_one_that_ended_before_is_not_waited_for(daemon: FakeDaemon) -> None:
    daemon.expect("POST /v1/sessions", session("paid"))
    assert (await sell(daemon, ORDER, asyncio.Event(), nobody))["state"] == "paid"
    assert len(daemon.asked) == 1


async def test_ctrl_c_asks_it_to_end_and_goes_on_watching(daemon: FakeDaemon) -> None:
    stop = asyncio.Event()
    said: list[str] = []
    daemon.expect("POST /v1/sessions", session())
    daemon.expect("POST /v1/sessions/ses_1/cancel", session())

    async def answer() -> dict[str, Any]:
        if stop.is_set():
            await asyncio.sleep(1)
            return session("canceled")
        stop.set()
        return session(progress="waiting_for_card")

    daemon.expect("GET /v1/sessions/ses_1", answer)
    found = await sell(daemon, ORDER, stop, said.append)
    assert found["state"] == "canceled"
    assert ("POST /v1/sessions/ses_1/cancel", {}) in daemon.asked
    assert "asking the sale to end" in said


async def test_a_cancel_that_comes_too_late_is_no_error(daemon: FakeDaemon) -> None:
    stop = asyncio.Event()
    said: list[str] = []
    stop.set()
    daemon.expect("POST /v1/sessions", session())
    daemon.expect("POST /v1/sessions/ses_1/cancel", RefusedError("has ended", code="wrong_state", status=409))

    async def answer() -> dict[str, Any]:
        await asyncio.sleep(1)
        return session("paid")

    daemon.expect("GET /v1/sessions/ses_1", answer)
    assert (await sell(daemon, ORDER, stop, said.append))["state"] == "paid"
    assert "cannot cancel: has ended" in said


async def test_an_order_without_an_answer_names_the_key_to_ask_again_with(daemon: FakeDaemon) -> None:
    daemon.expect("POST /v1/sessions", NoAnswerError("no answer"))
    with pytest.raises(CommandError) as caught:
        await sell(daemon, ORDER, asyncio.Event(), nobody)
    assert "--pos-key k1" in caught.value.fix


async def test_a_restart_of_the_daemon_is_waited_out(daemon: FakeDaemon) -> None:
    said: list[str] = []
    daemon.expect(
        "GET /v1/sessions/ses_1", NoAnswerError("cut"), AwayError("gone"), AwayError("gone"), session("paid")
    )
    assert (await follow(daemon, session(), said.append))["state"] == "paid"
    assert said.count("the daemon is away; waiting for it") == 3


async def test_one_that_stays_away_is_given_up_with_what_to_do(daemon: FakeDaemon) -> None:
    daemon.expect("GET /v1/sessions/ses_1", AwayError("gone"))
    begun = asyncio.get_running_loop().time()
    with pytest.raises(CommandError) as caught:
        await follow(daemon, session(), nobody)
    assert asyncio.get_running_loop().time() - begun == pytest.approx(61, abs=1.5)
    assert "lost sight of session ses_1" in str(caught.value)
    assert "tillgate session show ses_1" in caught.value.fix


def test_what_goes_on_in_words() -> None:
    assert describe(session(progress="entering_pin")) == "till-1: entering pin"
    assert describe(session()) == "till-1: under way"
    assert describe(session("something_new")) == "till-1: something_new"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"state": "paid"}, "paid"),
        ({"state": "paid", "verdict": {"code": "paid", "message": ""}}, "paid"),
        (
            {
                "state": "declined",
                "verdict": {"code": "card_declined", "message": "no", "decline_code": "lost"},
            },
            "declined: no / lost",
        ),
        ({"state": "failed", "verdict": {"code": "reader_offline", "message": ""}}, "failed: reader_offline"),
        ({"state": "in_doubt", "doubt": {"code": "x", "message": "no answer"}}, "in doubt: no answer"),
    ],
)
def test_the_end_in_words(changes: dict[str, Any], told: str) -> None:
    assert verdict(session(**changes)) == told
