"""Which command is sent for what a till wants, and what cannot be sent at all."""

import pytest

from drivers.contract import Capture, Kind, NotStartedError, ReaderConfig, ReaderName, TipPolicy
from drivers.readers import zvt_orders as orders
from drivers.readers.zvt_options import Setup, setup_of
from drivers.readers.zvt_payment import Command
from drivers.zvt.commands.codec import encode
from tests.zvt_store import Session


def setup(**options: str) -> Setup:
    return setup_of(ReaderConfig(ReaderName("till-9"), "zvt", {"link": "tcp://192.0.2.7", **options}))


def said(command: Command, unique: bytes | None = None) -> str:
    return encode(command.make(unique)).hex().upper()


HELD = {"receipt_no": "0042", "trace_no": "000007", "booked_amount": "1200", "terminal_id": "52523535"}
SOLD = {f"refund_of_{name}": value for name, value in HELD.items()}


def test_a_payment() -> None:
    command = orders.authorise(setup(), Session().request)
    assert said(command) == "06010A04000000001200490978"
    assert said(command, b"") == "06010F0400000000120049097806031F1F00"
    assert (command.operation, command.moved, command.follows) == ("authorize", 1200, False)
    timed = orders.authorise(setup(profile="valina"), Session().request)
    assert said(timed) == "06010C04000000001200490978011E"


def test_a_tip_is_offered_where_the_terminal_can_and_the_till_wants() -> None:
    wish = Session(tip=TipPolicy()).request
    assert "1948" in said(orders.authorise(setup(tips="true"), wish))
    assert orders.authorise(setup(tips="true"), wish).wanted.tip
    for options, session in (
        ({}, wish),
        ({"tips": "true"}, Session().request),
        ({"tips": "true"}, Session(tip=TipPolicy(skip=True)).request),
    ):
        assert "1948" not in said(orders.authorise(setup(**options), session))
    feig = setup(profile="feig-cvend", tips="true")
    assert "1948" in said(orders.authorise(feig, wish))


def test_holding_and_what_follows_it() -> None:
    feig = setup(profile="feig-cvend")
    held = Session(capture=Capture.MANUAL, references=HELD).request
    assert said(orders.authorise(feig, held)).startswith("0622")
    with pytest.raises(NotStartedError, match="cannot hold money"):
        orders.authorise(setup(), held)
    assert said(orders.capture(feig, held, None)) == "06240D87004204000000001200490978"
    assert said(orders.capture(feig, held, 700)) == "06240D87004204000000000700490978"
    release = orders.release(feig, held)
    assert said(release) == "06250D87004204000000001200490978"
    assert not release.wanted.exact
    reverse = orders.reverse(feig, held)
    assert said(reverse) == "06301000000087004204000000001200490978"
    assert (reverse.moved, reverse.original_trace, reverse.follows) == (-1200, 7, True)
    for make in (orders.release, orders.reverse, lambda one, two: orders.capture(one, two, None)):
        with pytest.raises(NotStartedError, match="no receipt number"):
            make(feig, Session().request)


@pytest.mark.parametrize(
    ("options", "terminal_id", "last", "amount", "may"),
    [
        ({}, "52523535", None, 1200, True),
        ({}, "", None, 1200, True),
        ({}, "11111111", None, 1200, False),
        ({}, "52523535", None, 700, False),
        ({"reversals": "last"}, "52523535", 42, 1200, True),
        ({"reversals": "last"}, "52523535", 43, 1200, False),
        ({"reversals": "last"}, "52523535", None, 1200, False),
        ({"reversals": "none"}, "52523535", 42, 1200, False),
    ],
)
def test_when_a_refund_is_a_reversal(
    options: dict[str, str], terminal_id: str, last: int | None, amount: int, *, may: bool
) -> None:
    request = Session(amount, kind=Kind.REFUND, references=SOLD).request
    assert orders.may_reverse(setup(**options), request, terminal_id, last) is may
    assert not orders.may_reverse(setup(), Session(kind=Kind.REFUND).request, "", None)


def test_refunds() -> None:
    request = Session(kind=Kind.REFUND, references=SOLD).request
    assert said(orders.refund_by_reversal(setup(), request)).startswith("0630")
    assert said(orders.refund(setup(), request)) == "06310D00000004000000001200490978"
    with pytest.raises(NotStartedError, match="only its last whole sale"):
        orders.refund(setup(profile="pax-a80"), request)


@pytest.mark.parametrize(
    ("session", "code"),
    [
        (Session(0), "amount_unsupported"),
        (Session(10**12), "amount_unsupported"),
        (Session(currency="xyz"), "currency_unsupported"),
        (Session(currency="chf"), "currency_unsupported"),
    ],
)
def test_what_cannot_be_said_is_not_started(session: Session, code: str) -> None:
    with pytest.raises(NotStartedError) as caught:
        orders.authorise(setup(), session.request)
    assert caught.value.code == code
