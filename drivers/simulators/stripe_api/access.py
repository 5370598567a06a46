"""Who asks: API keys, and the account each opens."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.store import Account
from drivers.simulators.stripe_api.world import World

TEST_KEY: Final = re.compile(r"(?:sk|rk)_test_([A-Za-z0-9_]{1,240})")
CONNECTED: Final = re.compile(r"acct_[A-Za-z0-9]{1,60}")


def _refused(message: str, code: str | None = None) -> ApiError:
    return ApiError(
        message, status=401, code=code, stored=False, headers={"www-authenticate": 'Basic realm="Stripe"'}
    )


def _masked(key: str) -> str:
    return key[:8] + "*" * 8 + key[-4:] if len(key) > 16 else "*" * 8


def _key(headers: Mapping[str, str]) -> str:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            user = ""
        if user:
            return user
    raise _refused(
        "You did not provide an API key. You need to provide your API key in the Authorization header, "
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
    )


def open_account(world: World, headers: Mapping[str, str]) -> Account:
    """The account of a request's key, or the connected account its `Stripe-Account` names.

    Every `sk_test_...` or `rk_test_...` key is good; the two kinds with the same ending open the same
    account.
    Errors: `ApiError` 401 without a key, with another key and with one that was revoked; 403 for an
    account name
    that is none.
    """
    key = _key(headers)
    found = TEST_KEY.fullmatch(key)
    if found is None:
        raise _refused(f"Invalid API Key provided: {_masked(key)}")
    state = world.keys.get(key)
    if state == "revoked":
        raise _refused(f"Invalid API Key provided: {_masked(key)}")
    if state == "expired":
        raise _refused(f"Expired API Key provided: {_masked(key)}", "api_key_expired")
    connected = headers.get("stripe-account")
    if connected is None:
        return world.account(found[1])
    if not CONNECTED.fullmatch(connected):
        raise ApiError(
            f"The provided key '{_masked(key)}' does not have access to account '{connected}' (or that "
            "account does not exist). Application access may have been revoked.",
            status=403,
            code="account_invalid",
            stored=False,
        )
    return world.account(f"{found[1]}|{connected}")
