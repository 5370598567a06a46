"""What the simulator's tests share: a clock, a simulator on it, a caller."""

import pytest

from drivers.simulators.stripe_api.core import StripeSimulator
from tests.unit.drivers.simulators.stripe_api.caller import Caller, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulator(clock: FakeClock) -> StripeSimulator:
    return StripeSimulator(now=clock.now, sleep=clock.sleep)


@pytest.fixture
def api(simulator: StripeSimulator) -> Caller:
    return Caller(simulator)
