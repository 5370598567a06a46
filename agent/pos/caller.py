"""Who is asking: a till by its token, or an operator through the control socket."""

from dataclasses import dataclass, replace

from agent.payments.model import TillName
from agent.pos.errors import PosError, UnauthorizedError, UnavailableError
from agent.pos.prompts import ENGLISH, preferred
from agent.pos.seams import Tills
from agent.pos.tills import OPERATOR, TillRegistryError

MAX_HEADER = 300
"""Our tokens have 46 characters; nothing much longer is worth hashing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Under which name sessions are opened; an operator sees everybody's."""

    name: TillName
    operator: bool = False
    language: str = ENGLISH  # of what its cashier reads

    @property
    def sees(self) -> TillName | None:
        """Whose sessions: one till's, or (None) all."""
        return None if self.operator else self.name

    def speaking(self, accepted: str | None, default: str) -> "Caller":
        """The same caller with the language that an Accept-Language header asks for."""
        language = default if accepted is None else preferred(accepted, default)
        return self if language == self.language else replace(self, language=language)


THE_OPERATOR = Caller(OPERATOR, operator=True)


def identify(authorization: str | None, tills: Tills) -> Caller:
    """The till behind an Authorization header, or `UnauthorizedError` with the reason."""
    if not authorization:
        raise UnauthorizedError(
            "token_missing",
            "no token: send Authorization: Bearer <the till's token> (tillgate till add NAME)",
        )
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(authorization) > MAX_HEADER:
        raise UnauthorizedError(
            "token_malformed", "the Authorization header must be: Bearer <the till's token>"
        )
    try:
        name = tills.authenticate(token)
        former = None if name is not None else tills.retired(token)
    except TillRegistryError as error:
        raise _closed(error) from error
    if name is not None:
        return Caller(name)
    if former is not None:
        raise UnauthorizedError(
            "token_revoked",
            f"this token of till {former!r} was revoked or replaced; use its new one (tillgate till rotate)",
        )
    raise UnauthorizedError("token_invalid", "this token belongs to no till of this gateway")


def _closed(error: TillRegistryError) -> PosError:
    """Nobody is let in on a registry that cannot be read: a revoked till might be among them."""
    return UnavailableError("tills_unreadable", f"the gateway cannot tell who may sell: {error}")
