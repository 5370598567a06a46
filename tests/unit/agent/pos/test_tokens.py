"""Connection tokens: one fresh one a call, and clear words when there is none."""

import asyncio
import json

import pytest

from agent.pos.errors import PosError
from agent.pos.limits import Buckets, Rate
from agent.pos.tokens import ConnectionToken, ConnectionTokens, TokenIssueError
from agent.secret import Secret
from tests.unit.agent.pos.conftest import FakeIssuer


def _tokens(issuer: object, rate: Rate | None = None) -> ConnectionTokens:
    buckets = Buckets(rate or Rate(100, 100), asyncio.get_running_loop().time)
    return ConnectionTokens(issuer, buckets)  # type: ignore[arg-type]  # each test's issuer has its shape


async def test_each_call_gets_a_token_of_its_own() -> None:
    tokens = _tokens(FakeIssuer())

    answers = [json.loads(await tokens.fresh("kasse-1")) for _ in range(3)]

    assert [answer["secret"] for answer in answers] == ["pst_test_1", "pst_test_2", "pst_test_3"]
    assert {answer["location"] for answer in answers} == {"tml_1"}


def test_a_token_does_not_show_itself() -> None:
    assert "pst_test" not in repr(ConnectionToken(Secret("pst_test_1"), "tml_1"))


async def test_too_many_are_refused_before_stripe_is_asked() -> None:
    issuer = FakeIssuer()
    tokens = _tokens(issuer, Rate(1, 1))
    await tokens.fresh("kasse-1")

    with pytest.raises(PosError) as caught:
        await tokens.fresh("kasse-1")

    assert caught.value.status == 429
    assert issuer.issued == 1
    await asyncio.sleep(1)
    await tokens.fresh("kasse-1")


@pytest.mark.parametrize(
    ("fault", "status", "code", "again"),
    [
        (TokenIssueError("cannot reach Stripe"), 503, "stripe_unreachable", True),
        (
            TokenIssueError("this key may not", code="stripe_permission", retryable=False),
            502,
            "stripe_permission",
            False,
        ),
        (TimeoutError(), 503, "stripe_timeout", True),
    ],
)
async def test_why_there_is_none(fault: Exception, status: int, code: str, again: bool) -> None:
    issuer = FakeIssuer()
    issuer.fault = fault

    with pytest.raises(PosError) as caught:
        await _tokens(issuer).fresh("kasse-1")

    assert (caught.value.status, caught.value.code) == (status, code)
    assert ("Retry-After" in caught.value.headers) == again


class Sleeper:
    """Stripe when it does not answer."""

    async def issue(self) -> ConnectionToken:
        await asyncio.sleep(3600)
        raise AssertionError("waited too long")


async def test_an_app_is_not_kept_waiting_for_ever() -> None:
    began = asyncio.get_running_loop().time()

    with pytest.raises(PosError, match="within 20 s"):
        await _tokens(Sleeper()).fresh("kasse-1")

    assert asyncio.get_running_loop().time() - began == pytest.approx(20)


async def test_a_gateway_without_stripe_has_none() -> None:
    with pytest.raises(PosError, match="no Stripe account") as caught:
        await _tokens(None).fresh("kasse-1")
    assert caught.value.status == 404
