"""Operations by method and path."""

import pytest

from drivers.simulators.stripe_api.errors import ApiError
from drivers.simulators.stripe_api.operations import ENDPOINTS, route


def test_every_operation_is_found_by_its_path() -> None:
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id}", "x_1")
        found, target = route(endpoint.method, tuple(path.strip("/").split("/")))
        assert found is endpoint
        assert target == ("x_1" if "{id}" in endpoint.path else "")
    assert len({(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}) == len(ENDPOINTS) > 50


@pytest.mark.parametrize(
    "path", [("v1",), ("",), ("v1", "nothing"), ("v2", "charges"), ("v1", "charges", "a", "b"), ("{id}",)]
)
def test_other_paths_lead_nowhere(path: tuple[str, ...]) -> None:
    with pytest.raises(ApiError) as caught:
        route("GET", path)
    assert caught.value.status == 404
