"""The suite's own journal, and what benches say of themselves."""

from dataclasses import replace

from drivers.conformance_bench import Act, Books, Customer, Record
from drivers.contract import Kind, Money, PaymentRequest, Progress, SessionId
from tests.conformance_worlds import STRIPE, ZVT, unbent

REQUEST = PaymentRequest(SessionId("ses_1"), Kind.PAYMENT, Money(100, "eur"), references={"given": "1"})


async def test_what_was_reported_is_in_the_next_request() -> None:
    record = Record(REQUEST)
    assert record.now() == REQUEST
    await record.progress(Progress.PREPARING)
    await record.reference("found", "2")
    assert [await record.attempt("pay"), await record.attempt("pay")] == [1, 2]
    assert record.steps == [Progress.PREPARING]
    known = replace(REQUEST, references={"given": "1", "found": "2"}, attempts={"pay": 2})
    assert record.now() == known


async def test_benches_begin_with_empty_books_and_say_what_they_cannot_play() -> None:
    for world in (STRIPE, ZVT):
        async with world.bench(unbent) as bench:
            assert await bench.books(SessionId("ses_1")) == Books()
            assert set(bench.cannot) < set(Act)
            assert all(bench.cannot.values())
            for does in Customer:
                await bench.customer(does)
