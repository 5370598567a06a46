"""A client for tills written in Python: the HTTP door as plain calls, safe to repeat. Standard library only.

It blocks, as most registers do; an asyncio program runs it in a thread. One object serves one thread.
"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlencode, urlsplit

ANSWER_S: Final = 10.0
"""How long one answer may take, beyond what was asked to be waited for."""

WAIT_S: Final = 50.0
"""How long one long poll waits; the gateway takes up to 60."""

PAUSE_S: Final = 1.0
"""Between two tries to reach the gateway."""

_ENDED: Final = frozenset({"paid", "declined", "canceled", "failed", "released"})
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})


class TillError(Exception):
    """Root of the errors of this client."""


class NoAnswerError(TillError):
    """The gateway did not answer in time: what was asked may have happened. Ask again with the same key."""


class RefusedError(TillError):
    """A definite no: nothing was stored. Decide by `status` and `code`, show `message` to people."""

    def __init__(self, status: int, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param


@dataclass(frozen=True, slots=True)
class Session:
    """One session as the gateway last told it; amounts are minor units, `raw` is the whole answer."""

    id: str
    pos_key: str
    reader: str
    kind: Literal["payment", "refund"]
    state: str
    seq: int
    amount: int
    currency: str
    amount_authorized: int
    amount_captured: int
    amount_tip: int | None
    amount_refunded: int
    progress: str
    prompt: str
    code: str
    message: str
    decline_code: str
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """From the gateway's JSON; what a newer gateway adds is in `raw` only."""
        said = raw.get("verdict") or raw.get("doubt") or {}
        plain = ("id", "pos_key", "reader", "kind", "state", "seq", "amount", "currency")
        sums = ("amount_authorized", "amount_captured", "amount_tip", "amount_refunded")
        return cls(
            **{name: raw[name] for name in (*plain, *sums)},
            progress=raw.get("progress") or "",
            prompt=raw.get("prompt") or "",
            code=said.get("code", ""),
            message=said.get("message", ""),
            decline_code=said.get("decline_code", ""),
            raw=raw,
        )

    @property
    def paid(self) -> bool:
        """Whether the money has moved: hand over the goods."""
        return self.state == "paid"

    @property
    def held(self) -> bool:
        """Whether the money is held and waits for `capture` or `cancel`."""
        return self.state == "authorized"

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows yet: wait, and do not take the money again."""
        return self.state == "in_doubt"

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself; held money is on its way while there is `progress`."""
        return self.state in _ENDED or (self.held and not self.progress)


class Gateway:
    """The gateway of the store, for one till. Use it as a context manager, or call `close`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        language: str = "",
        patience_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`patience_s`: how long a call goes on trying before `NoAnswerError`; `language`: of `prompt`."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"the gateway's address must be like http://127.0.0.1:8470, not {url!r}")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if language:
            self._headers["Accept-Language"] = language
        self._patience_s = patience_s
        self._pause = pause
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- sessions -------------------------------------------------------------------------------------

    def open(self, reader: str, amount: int, currency: str, pos_key: str, **options: Any) -> Session:
        """Begin a sale, or get the one that this key has begun already.

        `options` are the further fields of docs/pos-api.md (capture, tip, description, metadata, retry_of,
        sale). Raises `RefusedError`; `NoAnswerError`: call again with the same key, never with a new one.
        """
        order = {"reader": reader, "amount": amount, "currency": currency, "pos_key": pos_key, **options}
        return Session.read(self._call("POST", "/v1/sessions", order))

    def follow(self, session: Session) -> Iterator[Session]:
        """Each change until it is settled, the present state first. Raises as `open` does."""
        while True:
            yield session
            if session.settled:
                return
            seen = session.seq
            while session.seq <= seen and not session.settled:
                asked = urlencode({"wait": f"{WAIT_S:g}", "seq": seen})
                path = f"/v1/sessions/{quote(session.id)}?{asked}"
                session = Session.read(self._call("GET", path, wait_s=WAIT_S))

    def wait(self, session: Session) -> Session:
        """The session once it is settled."""
        for change in self.follow(session):
            session = change
        return session

    def session(self, session_id: str) -> Session:
        """One session as it is now."""
        return Session.read(self._call("GET", f"/v1/sessions/{quote(session_id, safe='')}"))

    def find(self, pos_key: str) -> Session | None:
        """What became of a key; None: the gateway has never heard of it."""
        found = self._call("GET", "/v1/sessions?" + urlencode({"pos_key": pos_key}))["data"]
        return Session.read(found[0]) if found else None

    def cancel(self, session: Session) -> Session:
        """Ask for the end; the state says what came of it, since a customer may have been faster."""
        return self._act(session, "cancel", {})

    def capture(self, session: Session, amount: int | None = None) -> Session:
        """Move held money, all or `amount` minor units of it."""
        return self._act(session, "capture", {} if amount is None else {"amount": amount})

    def refund(self, session: Session, pos_key: str, amount: int | None = None) -> Session:
        """Give back all that is left, or `amount`, by a session of its own under a key of its own."""
        body: dict[str, Any] = {"pos_key": pos_key}
        if amount is not None:
            body["amount"] = amount
        return self._act(session, "refund", body)

    def _act(self, session: Session, verb: str, body: Mapping[str, Any]) -> Session:
        return Session.read(self._call("POST", f"/v1/sessions/{quote(session.id, safe='')}/{verb}", body))

    # -- the rest -------------------------------------------------------------------------------------

    def sale(self, sale_id: str) -> Mapping[str, Any]:
        """How far a sale in parts is paid."""
        found: Mapping[str, Any] = self._call("GET", f"/v1/sales/{quote(sale_id, safe='')}")
        return found

    def readers(self) -> list[Mapping[str, Any]]:
        """Every reader of the store and how it is."""
        found: list[Mapping[str, Any]] = self._call("GET", "/v1/readers")["data"]
        return found

    def connection_token(self) -> str:
        """A fresh secret for Stripe's client SDKs; ask for a new one each time, keep none."""
        return str(self._call("POST", "/v1/connection_tokens", {})["secret"])

    # -- asking ---------------------------------------------------------------------------------------

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, wait_s: float = 0.0
    ) -> Any:
        """Ask until there is an answer; every call of this API may be repeated."""
        gives_up_at = self._clock() + wait_s + self._patience_s
        while True:
            used = self._connection is not None
            try:
                status, answer = self._ask(method, path, body, ANSWER_S + wait_s)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.close()
                if used:
                    continue  # the gateway has let an idle connection go: a fresh one tells more
                trouble = f"{type(error).__name__}: {error}"
            else:
                if status < 300:
                    return answer
                if status not in _AGAIN:
                    raise _refused(status, answer)
                trouble = f"{status}: {answer}"
            if self._clock() >= gives_up_at:
                raise NoAnswerError(
                    f"{method} {path.partition('?')[0]} at {self._host} has no answer yet ({trouble}); "
                    "it may have worked: ask again with the same pos_key"
                )
            self._pause(PAUSE_S)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float
    ) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        data, headers = None, dict(self._headers)
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection.request(method, self._path + path, body=data, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=ANSWER_S)
        made = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_S)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _refused(status: int, answer: Any) -> RefusedError:
    error = answer["error"] if isinstance(answer, dict) and isinstance(answer.get("error"), dict) else {}
    return RefusedError(
        status,
        str(error.get("code", "")),
        str(error.get("message", f"the gateway answered {status}")),
        str(error.get("param", "")),
    )
