"""Keys and accounts."""

import base64

import pytest

from drivers.simulators.stripe_api.access import open_account
from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.errors import ApiError


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    ["Bearer sk_test_one", "bearer rk_test_one", basic("sk_test_one:"), basic("rk_test_one:anything")],
)
def test_test_keys_open_the_account_of_their_ending(simulator: StripeSimulator, authorization: str) -> None:
    account = open_account(simulator.world, {"authorization": authorization})
    assert account is simulator.world.account("one")
    assert account.id.startswith("acct_")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer ",
        "Bearer sk_live_aaaaaaaaaaaaaaaa",
        "Bearer pk_test_1",
        "Basic !!!",
        basic(":"),
        "Digest a",
    ],
)
def test_other_keys_open_nothing(simulator: StripeSimulator, authorization: str) -> None:
    with pytest.raises(ApiError) as caught:
        open_account(simulator.world, {"authorization": authorization})
    assert (caught.value.status, caught.value.kind) == (401, "invalid_request_error")
    assert "aaaaaaaa" not in caught.value.message
    assert caught.value.headers["www-authenticate"]


def test_connected_accounts_are_apart(simulator: StripeSimulator) -> None:
    headers = {"authorization": "Bearer sk_test_one"}
    connected = open_account(simulator.world, headers | {"stripe-account": "acct_1"})
    assert (connected.id, connected is simulator.world.account("one")) == ("acct_1", False)
    with pytest.raises(ApiError) as caught:
        open_account(simulator.world, headers | {"stripe-account": "acct_1|x"})
    assert (caught.value.status, caught.value.code) == (403, "account_invalid")
