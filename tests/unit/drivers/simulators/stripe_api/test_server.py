"""The simulator on a socket: real cuts, real limits."""

import io

import aiohttp
import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.server import serve
from drivers.simulators.stripe_api.wire import BODY_MAX

pytestmark = pytest.mark.real_time

HEADERS = {"Authorization": "Bearer sk_test_one", "Content-Type": "application/x-www-form-urlencoded"}
INTENT = "amount=1000&currency=eur"


async def test_it_answers_and_ends() -> None:
    serving = await serve(StripeSimulator(), port=0)
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        async with session.post(serving.url + "/v1/payment_intents", data=INTENT) as answer:
            made = await answer.json()
            assert (answer.status, answer.headers["Request-Id"][:4]) == (200, "req_")
        escaped = f"/v1/payment_intents?limit=1&created%5Bgte%5D={made['created']}"
        async with session.get(serving.url + escaped) as answer:
            assert (await answer.json())["data"][0]["id"] == made["id"]
        await serving.close()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(serving.url)


@pytest.mark.parametrize(
    ("effect", "error", "made"),
    [
        ("drop_before", aiohttp.ServerDisconnectedError, 0),
        ("drop_after", aiohttp.ServerDisconnectedError, 1),
        ("torn_body", aiohttp.ClientPayloadError, 1),
    ],
)
async def test_cuts_are_real(effect: str, error: type[Exception], made: int) -> None:
    serving = await serve(StripeSimulator(), port=0)
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await session.post(serving.url + "/_sim/faults", json={"effect": effect})
        with pytest.raises(error):
            async with session.post(serving.url + "/v1/payment_intents", data=INTENT) as answer:
                await answer.read()
        async with session.get(serving.url + "/v1/payment_intents") as answer:
            assert len((await answer.json())["data"]) == made
    await serving.close()


async def test_a_body_without_end_is_refused() -> None:
    serving = await serve(StripeSimulator(), port=0)
    body = io.BytesIO(b"a" * (BODY_MAX + 10))
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(serving.url + "/v1/payment_intents", data=body) as answer,
    ):
        assert answer.status == 413
    await serving.close()


async def test_a_taken_address_is_an_error() -> None:
    serving = await serve(StripeSimulator(), port=0)
    port = int(serving.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await serve(StripeSimulator(), port=port)
    await serving.close()
