"""Records, pages and metadata."""

from typing import Any

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.store import Account, Page, Record, created_within, merge_metadata


@pytest.fixture
def account() -> Account:
    account = Account("a", "acct_a")
    for seq in range(1, 8):
        account.add(Record("a", "thing", f"t_{seq}", seq, {"id": f"t_{seq}", "created": seq * 10}))
    return account


def ids(page: Page) -> list[str]:
    return [record.id for record in page.records]


@pytest.mark.parametrize(
    ("params", "found", "more"),
    [
        ({}, "7654321", False),
        ({"limit": 3}, "765", True),
        ({"limit": 3, "starting_after": "t_5"}, "432", True),
        ({"limit": 4, "starting_after": "t_5"}, "4321", False),
        ({"limit": 2, "ending_before": "t_3"}, "54", True),
        ({"limit": 5, "ending_before": "t_3"}, "7654", False),
        ({"starting_after": "t_1"}, "", False),
    ],
)
def test_pages(account: Account, params: Any, found: str, more: bool) -> None:
    page = account.page("thing", params, "/v1/things")
    assert (ids(page), page.has_more) == ([f"t_{digit}" for digit in found], more)


def test_a_deleted_cursor_still_points_somewhere(account: Account) -> None:
    record = account.find("thing", "t_5")
    record.body = {"id": "t_5", "deleted": True}
    assert record.deleted
    assert ids(account.page("thing", {"starting_after": "t_5", "limit": 1}, "/")) == ["t_4"]
    assert ids(account.page("thing", {"limit": 3}, "/")) == ["t_7", "t_6", "t_4"]
    assert len(list(account.everything())) == 7
    with pytest.raises(ApiError):
        account.find("thing", "t_5")


def test_cursors_must_exist_and_exclude_each_other(account: Account) -> None:
    with pytest.raises(ApiError) as missing:
        account.page("thing", {"starting_after": "t_9"}, "/")
    assert (missing.value.status, missing.value.code) == (400, "resource_missing")
    with pytest.raises(ApiError) as both:
        account.page("thing", {"starting_after": "t_1", "ending_before": "t_2"}, "/")
    assert both.value.code == "parameters_exclusive"


@pytest.mark.parametrize(
    ("created", "found"),
    [
        (None, 7),
        (30, 1),
        ({"gt": 30}, 4),
        ({"gte": 30}, 5),
        ({"lt": 30}, 2),
        ({"lte": 30}, 3),
        ({"gte": 20, "lt": 40}, 2),
    ],
)
def test_times_filter(account: Account, created: Any, found: int) -> None:
    keep = created_within({} if created is None else {"created": created})
    assert len(account.page("thing", {"limit": 100}, "/", keep).records) == found


def test_metadata_is_merged() -> None:
    body: dict[str, Any] = {"metadata": {"a": "1", "b": "2"}}
    merge_metadata(body, {})
    merge_metadata(body, {"metadata": {"a": "", "c": "3"}})
    assert body["metadata"] == {"b": "2", "c": "3"}
    with pytest.raises(ApiError):
        merge_metadata(body, {"metadata": {str(index): "x" for index in range(49)}})
    merge_metadata(body, {"metadata": ""})
    assert body["metadata"] == {}
