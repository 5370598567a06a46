"""Keys: the same until answered, then a new one."""

from drivers.readers.stripe_keys import Keys
from tests.stripe_store import Session


async def test_a_key_stays_the_same_until_it_is_answered() -> None:
    session = Session()
    keys = Keys(session.request, session.report)
    assert await keys.of("process") == "s1:process:1"
    assert await keys.of("process") == "s1:process:1"
    assert keys.answered("process") is False
    assert await keys.of("process") == "s1:process:2"
    assert await keys.of("capture") == "s1:capture:1"
    assert session.report.attempts == {"process": 2, "capture": 1}


async def test_a_number_from_before_a_crash_is_used_again_first() -> None:
    session = Session()
    session.report.attempts["process"] = 3
    keys = Keys(session.request, session.report)
    assert await keys.of("process") == "s1:process:3"
    assert session.report.attempts == {"process": 3}
    assert keys.answered("process") is True
    assert await keys.of("process") == "s1:process:4"
    assert keys.answered("process") is False
