"""The published shapes say what the models of payments say."""

from agent.payments.model import EventKind, ReaderState, State
from agent.pos.answers import CardShape, ErrorShape, EventShape, ReaderShape, SessionShape
from agent.pos.errors import BadRequestError
from drivers.contract import Capability, Card, Progress


def _enum(shape: type[SessionShape | ReaderShape | EventShape], name: str) -> set[str]:
    return set(shape.model_json_schema()["$defs"][name]["enum"])


def test_every_word_a_till_can_see_is_published() -> None:
    assert _enum(SessionShape, "State") == set(State)
    assert _enum(SessionShape, "Progress") == set(Progress)
    assert _enum(ReaderShape, "ReaderState") == set(ReaderState)
    assert _enum(ReaderShape, "Capability") == set(Capability)
    assert _enum(EventShape, "EventKind") == set(EventKind)


def test_a_card_shows_what_the_contract_lets_it_show() -> None:
    assert set(CardShape.model_fields) == set(Card.__dataclass_fields__)


def test_an_error_has_the_published_shape() -> None:
    for error in (BadRequestError("c", "m"), BadRequestError("c", "m", param="p")):
        assert ErrorShape.model_validate_json(error.body()).error.message == "m"
