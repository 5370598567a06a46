"""Connection tokens."""

from tests.unit.drivers.simulators.stripe_api.caller import Caller

PATH = "/v1/terminal/connection_tokens"


async def test_every_token_is_new_and_may_have_a_place(api: Caller) -> None:
    first, second = await api.post(PATH), await api.post(PATH)
    assert first["secret"].startswith("pst_test_")
    assert (first["secret"] != second["secret"], "location" in first) == (True, False)
    location = await api.location()
    assert (await api.post(PATH, location=location))["location"] == location
    assert (await api.error("POST", PATH, location="tml_none"))["param"] == "location"
