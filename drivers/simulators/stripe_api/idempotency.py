"""Idempotency keys: the first answer is kept and told again."""

from dataclasses import dataclass
from typing import Final

from drivers.simulators.stripe_api.errors import ApiError

KEPT_S: Final = 24 * 3600.0
"""How long an answer is kept (Stripe: at least 24 hours, then it may be pruned)."""
LENGTH_MAX: Final = 255


@dataclass(slots=True)
class Kept:
    """What a key stands for: the request it came with and, once known, its answer."""

    fingerprint: str
    at: float
    status: int = 0
    body: bytes = b""
    request_id: str = ""

    @property
    def running(self) -> bool:
        """Whether the first request still has no answer."""
        return self.status == 0


class KeyRing:
    """The keys of one account, oldest first."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.changes: dict[str, Kept | None] = {}
        """What was kept and what was dropped since the state file was written."""

    def claim(self, key: str, fingerprint: str, now: float) -> Kept | None:
        """The kept answer to replay, or None when this request is the first and may run.

        Errors: `ApiError` 409 while the first runs, 400 idempotency_error for other parameters.
        """
        if len(key) > LENGTH_MAX:
            raise ApiError(
                f"Idempotency keys can be at most {LENGTH_MAX} characters.",
                kind="idempotency_error",
                stored=False,
            )
        self.prune(now)
        found = self.kept.get(key)
        if found is None:
            self.kept[key] = Kept(fingerprint, now)
            return None
        if found.fingerprint != fingerprint:
            raise ApiError(
                "Keys for idempotent requests can only be used with the same endpoint and the same "
                f"parameters they were first used with. Try using a key other than '{key}' if you meant "
                "to execute a different request.",
                kind="idempotency_error",
                stored=False,
            )
        if found.running:
            raise ApiError(
                f"There is currently another in-progress request using this Idempotent Key: {key}. Please "
                "try again later.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
                stored=False,
            )
        return found

    def keep(self, key: str, status: int, body: bytes, request_id: str) -> Kept:
        """Remember the answer of the first request."""
        kept = self.kept[key]
        kept.status, kept.body, kept.request_id = status, body, request_id
        self.changes[key] = kept
        return kept

    def release(self, key: str) -> None:
        """Forget a request that left no answer, so that the key may be used again."""
        if key in self.kept and self.kept[key].running:
            del self.kept[key]

    def prune(self, now: float) -> list[str]:
        """Drop what is older than `KEPT_S`; the dropped keys."""
        dropped: list[str] = []
        for key, kept in self.kept.items():
            if now - kept.at < KEPT_S:
                break
            if not kept.running:
                dropped.append(key)
        for key in dropped:
            del self.kept[key]
            self.changes[key] = None
        return dropped
