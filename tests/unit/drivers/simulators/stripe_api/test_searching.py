"""Searching PaymentIntents: the language, the pages, and the lag of the index."""

from typing import Any

import pytest

from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock

SEARCH = "/v1/payment_intents/search"


async def found(api: Caller, query: str, **params: Any) -> list[str]:
    return [each["id"] for each in (await api.get(SEARCH, query=query, **params))["data"]]


async def test_what_is_younger_than_the_lag_is_not_found(api: Caller, clock: FakeClock) -> None:
    made = await api.intent(metadata={"gateway": "g1"})
    assert await found(api, 'metadata["gateway"]:"g1"') == []
    clock.seconds += 59
    assert await found(api, 'metadata["gateway"]:"g1"') == []
    clock.seconds += 1
    assert await found(api, 'metadata["gateway"]:"g1"') == [made]


async def test_the_language(api: Caller, clock: FakeClock) -> None:
    one = await api.intent(amount=500, metadata={"gateway": "North 1", "odd": "x y"})
    clock.seconds += 100
    two = await api.intent(amount=900, currency="usd", metadata={"gateway": "South"})
    clock.seconds += 100
    answers = {
        'status:"requires_payment_method"': [two, one],
        "status:'succeeded'": [],
        '-status:"succeeded"': [two, one],
        'metadata["gateway"]:"north 1"': [one],
        "metadata['gateway']~'nor'": [one],
        'metadata["odd"]:null': [two],
        '-metadata["odd"]:null': [one],
        "amount:500": [one],
        "amount>500": [two],
        "amount>=500": [two, one],
        "amount<900": [one],
        "amount <= 900": [two, one],
        f"created>{int(clock.seconds) - 150}": [two],
        'currency:"eur" OR currency:"usd"': [two, one],
        'currency:"eur" AND amount:500': [one],
        'currency:"eur" amount:900': [],
        "customer:null": [two, one],
    }
    assert {query: await found(api, query) for query in answers} == answers


async def test_pages_follow_one_another(api: Caller, clock: FakeClock) -> None:
    made = [await api.intent() for _ in range(5)]
    clock.seconds += 60
    first = await api.get(SEARCH, query="amount>0", limit=2)
    assert (first["object"], first["url"], first["has_more"]) == ("search_result", SEARCH, True)
    second = await api.get(SEARCH, query="amount>0", limit=2, page=first["next_page"])
    third = await api.get(SEARCH, query="amount>0", limit=2, page=second["next_page"])
    assert (third["has_more"], third["next_page"]) == (False, None)
    pages = [each["id"] for page in (first, second, third) for each in page["data"]]
    assert pages == made[::-1]


async def test_found_objects_can_be_expanded(api: Caller, clock: FakeClock) -> None:
    paid = await api.paid(await api.reader(), capture_method="manual")
    clock.seconds += 60
    (held,) = (await api.get(SEARCH, query='status:"requires_capture"', expand=["data.latest_charge"]))[
        "data"
    ]
    assert (held["id"], held["latest_charge"]["object"]) == (paid["id"], "charge")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("hello", "unable to parse"),
        ('status:"paid" and', "unable to parse"),
        ('colour:"red"', "unsupported search field"),
        ("amount:null", "unsupported search field"),
        ('status>"paid"', "Operator `>`"),
        ('status~"paid"', "Operator `~`"),
        ('metadata["a"]~"xy"', "Operator `~`"),
        ("amount~5", "compared with a number"),
        ('amount:"five"', "compared with a number"),
        ("amount>1 AND amount<9 OR amount:5", "Combining"),
        (" AND ".join(["amount>1"] * 11), "maximum is 10"),
    ],
)
async def test_what_the_language_does_not_have(api: Caller, query: str, words: str) -> None:
    error = await api.error("GET", SEARCH, query=query)
    assert error["param"] == "query"
    assert words in error["message"]


@pytest.mark.parametrize("page", ["7", "page_x"])
async def test_a_page_that_nobody_gave(api: Caller, page: str) -> None:
    assert (await api.error("GET", SEARCH, query="amount>0", page=page))["param"] == "page"


async def test_the_query_is_required(api: Caller) -> None:
    assert (await api.error("GET", SEARCH))["param"] == "query"
