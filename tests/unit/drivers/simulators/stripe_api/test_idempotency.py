"""Keys and what they stand for."""

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.idempotency import KEPT_S, KeyRing


def test_a_key_is_claimed_kept_and_told_again() -> None:
    ring = KeyRing()
    assert ring.claim("k", "f", 0) is None
    with pytest.raises(ApiError) as running:
        ring.claim("k", "f", 1)
    assert (running.value.status, running.value.code) == (409, "idempotency_key_in_use")
    ring.keep("k", 200, b"body", "req_1")
    kept = ring.claim("k", "f", 2)
    assert kept is not None
    assert (kept.status, kept.body, kept.request_id) == (200, b"body", "req_1")
    with pytest.raises(ApiError) as other:
        ring.claim("k", "g", 3)
    assert other.value.kind == "idempotency_error"


def test_a_released_key_is_free_a_kept_one_is_not() -> None:
    ring = KeyRing()
    ring.claim("k", "f", 0)
    ring.release("k")
    ring.release("unknown")
    assert ring.claim("k", "g", 0) is None
    ring.keep("k", 200, b"", "req_1")
    ring.release("k")
    assert ring.kept["k"].status == 200


def test_keys_have_a_length() -> None:
    with pytest.raises(ApiError):
        KeyRing().claim("x" * 256, "f", 0)


def test_old_keys_are_dropped_but_never_running_ones() -> None:
    ring = KeyRing()
    for index, key in enumerate(("running", "old", "new")):
        ring.claim(key, "f", index * 10)
    for key in ("old", "new"):
        ring.keep(key, 200, b"", "req")
    assert ring.prune(KEPT_S + 10) == ["old"]
    assert set(ring.kept) == {"running", "new"}
    assert ring.changes["old"] is None
