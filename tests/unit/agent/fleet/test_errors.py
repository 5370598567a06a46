"""One root for all that goes wrong with the fleet."""

import pytest

from agent.fleet.errors import (
    FleetError,
    PermanentError,
    PlanFileError,
    StalePlanError,
    TemporaryError,
)


@pytest.mark.parametrize("kind", [PermanentError, TemporaryError, StalePlanError, PlanFileError])
def test_all_have_one_root(kind: type[FleetError]) -> None:
    assert str(kind("what, on what, what to do")) == "what, on what, what to do"
    assert issubclass(kind, FleetError)


def test_a_permanent_error_keeps_stripes_code() -> None:
    assert PermanentError("x", code="resource_missing").code == "resource_missing"
