"""The parameter tables of SetupIntents against the official package's parameter types."""

import pytest

from drivers.simulators.stripe_api import setup_parameters as tables
from drivers.simulators.stripe_api.shapes import Hash
from tests.unit.drivers.simulators.stripe_api.oracle import check_parameters


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("create", tables.CREATE),
        ("update", tables.UPDATE),
        ("retrieve", tables.RETRIEVE),
        ("list", tables.LIST),
        ("confirm", tables.CONFIRM),
        ("cancel", tables.CANCEL),
    ],
)
def test_tables_and_package_agree(word: str, table: Hash) -> None:
    path = f"params/_setup_intent_{word}_params.py"
    assert check_parameters(path, f"SetupIntent{word.title()}Params", table, set()) == []
