"""A small caller of the simulator's core: forms in, JSON out, no sockets."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import SimRequest, SimResponse, encode

GERMANY = {"line1": "Friedrichstr. 1", "city": "Berlin", "postal_code": "10117", "country": "DE"}
CANADA = {"line1": "1 Main St", "city": "Toronto", "state": "ON", "postal_code": "M5V 2T6", "country": "CA"}
AUSTRALIA = {"line1": "1 George St", "city": "Sydney", "state": "NSW", "postal_code": "2000", "country": "AU"}


class FakeClock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def pairs(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested parameters as a flat form."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from pairs(item, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from pairs(item, f"{name}[{index}]")
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


class Caller:
    """Calls one simulator with one key."""

    def __init__(self, simulator: StripeSimulator, key: str = "sk_test_one", **headers: str) -> None:
        self.simulator = simulator
        self.headers = {"authorization": f"Bearer {key}"} | headers

    async def send(self, method: str, path: str, params: Any = None, **headers: str) -> SimResponse:
        form = urlencode(list(pairs(params or {})))
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            given = {"content-type": "application/x-www-form-urlencoded"} | given
            return await self.simulator.handle(SimRequest(method, path, given, form.encode()))
        return await self.simulator.handle(SimRequest(method, path + (f"?{form}" if form else ""), given))

    async def get(self, path: str, **params: Any) -> Any:
        return self._good(await self.send("GET", path, params))

    async def post(self, path: str, **params: Any) -> Any:
        return self._good(await self.send("POST", path, params))

    async def delete(self, path: str) -> Any:
        return self._good(await self.send("DELETE", path))

    async def error(self, method: str, path: str, status: int = 400, /, **params: Any) -> dict[str, Any]:
        response = await self.send(method, path, params)
        assert response.status == status, response.body
        error: dict[str, Any] = response.json()["error"]
        return error

    async def control(self, path: str, body: Any = None, method: str = "POST", status: int = 200) -> Any:
        response = await self.simulator.handle(
            SimRequest(method, "/_sim" + path, {}, encode(body) if body is not None else b"")
        )
        assert response.status == status, response.body
        return response.json()

    @staticmethod
    def _good(response: SimResponse) -> Any:
        assert response.status == 200, response.body
        return response.json()

    async def location(self, address: Any = None, **params: Any) -> str:
        made = await self.post(
            "/v1/terminal/locations", display_name="Shop", address=address or GERMANY, **params
        )
        return str(made["id"])

    async def reader(self, code: str = "simulated-s700", address: Any = None, **params: Any) -> str:
        location = params.pop("location", None) or await self.location(address)
        made = await self.post("/v1/terminal/readers", registration_code=code, location=location, **params)
        return f"/v1/terminal/readers/{made['id']}"

    async def intent(self, amount: int = 1000, currency: str = "eur", **params: Any) -> str:
        types = {} if "payment_method_types" in params else {"allowed_payment_method_types": ["card_present"]}
        made = await self.post("/v1/payment_intents", amount=amount, currency=currency, **(types | params))
        return str(made["id"])

    async def process(self, reader: str, intent: str, **params: Any) -> Any:
        return await self.post(reader + "/process_payment_intent", payment_intent=intent, **params)

    async def present(self, reader: str, number: str | None = None, **params: Any) -> Any:
        if number is not None:
            params["card_present"] = {"number": number}
        return await self.post(helper(reader) + "/present_payment_method", **params)

    async def paid(self, reader: str, number: str | None = None, **params: Any) -> Any:
        intent = await self.intent(**params)
        await self.process(reader, intent)
        await self.present(reader, number)
        return await self.get(f"/v1/payment_intents/{intent}")


def helper(reader: str) -> str:
    """The test helpers of a reader."""
    return reader.replace("/v1/", "/v1/test_helpers/")
