"""What an operation is told."""

from drivers.simulators.stripe_api.calls import Call, Reception
from drivers.simulators.stripe_api.core import StripeSimulator


def test_a_call_is_heard_unless_said_otherwise(simulator: StripeSimulator) -> None:
    call = Call(simulator.world, simulator.world.account("a"), {}, "id", "2026-10-28.endive")
    assert (call.reception, call.expand, call.raw) == (Reception.NORMAL, [], b"")
