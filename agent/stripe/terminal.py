"""Readers, locations, configurations, connection tokens: the calls about devices."""

from collections.abc import Mapping
from typing import Final, TypeVar

from agent.stripe.client import StripeClient
from agent.stripe.form import Params, Value
from agent.stripe.listing import every
from agent.stripe.objects import (
    Configuration,
    ConnectionToken,
    FileObject,
    Location,
    Reader,
    StripeObject,
    parse,
)
from agent.stripe.retry import ONCE

COMMAND_TIMEOUT_S: Final = 80.0
"""Stripe holds a reader command open until the reader acknowledges it; giving up earlier makes doubt."""

READER_EXPANSIONS: Final[tuple[str, ...]] = ("action.process_payment_intent.payment_intent.latest_charge",)
"""One look that sees the action and the money: four levels, the deepest Stripe expands."""

_LOOK_TIMEOUT_S: Final = 8.0

_READERS: Final = "/v1/terminal/readers"
_READER: Final = "/v1/terminal/readers/{}"
_LOCATIONS: Final = "/v1/terminal/locations"
_LOCATION: Final = "/v1/terminal/locations/{}"
_CONFIGURATIONS: Final = "/v1/terminal/configurations"
_CONFIGURATION: Final = "/v1/terminal/configurations/{}"

Kind = TypeVar("Kind", bound=StripeObject)


class Terminal:
    """Typed calls on devices."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client

    # Readers: what they do

    async def retrieve_reader(self, reader: str) -> Reader:
        """The reader with its action, the action's PaymentIntent and its latest charge."""
        reply = await self._client.call(
            "GET", _READER, {"expand": READER_EXPANSIONS}, ids=(reader,), timeout_s=_LOOK_TIMEOUT_S
        )
        return parse(Reader, reply.data)

    async def process_payment_intent(
        self, reader: str, intent: str, *, key: str, config: Mapping[str, Value] | None = None
    ) -> Reader:
        """Show a payment on the reader, once: one try. A stored answer is no proof that it is shown now."""
        params: Params = {
            "payment_intent": intent,
            "process_config": config or None,
            "expand": READER_EXPANSIONS,
        }
        return await self._command(reader, "process_payment_intent", params, key=key)

    async def cancel_action(self, reader: str) -> Reader:
        """Stop whatever the reader shows, ours or not: compare first. One try."""
        return await self._command(reader, "cancel_action", {})

    async def set_reader_display(self, reader: str, cart: Mapping[str, Value]) -> Reader:
        """Show a cart (integers only); replaces a payment that waits for its card. One try."""
        return await self._command(reader, "set_reader_display", {"type": "cart", "cart": cart})

    # Readers: the registry

    async def list_readers(
        self, *, location: str | None = None, serial_number: str | None = None
    ) -> list[Reader]:
        """Every reader of the account, or of one location, newest first."""
        return [
            reader
            async for reader in every(
                self._client, Reader, _READERS, {"location": location, "serial_number": serial_number}
            )
        ]

    async def register_reader(self, params: Params, *, key: str) -> Reader:
        """Bind a reader by its `registration_code` to a `location`."""
        return await self._write(Reader, _READERS, params, key=key)

    async def update_reader(self, reader: str, params: Params, *, key: str | None = None) -> Reader:
        """Change label or metadata; a reader cannot be moved, only registered again."""
        return await self._write(Reader, _READER, params, reader, key=key)

    async def delete_reader(self, reader: str) -> Reader:
        """Take a reader out of the account; one already gone is refused with `resource_missing`."""
        return await self._delete(Reader, _READER, reader)

    # Locations

    async def list_locations(self) -> list[Location]:
        """Every location of the account, newest first."""
        return [location async for location in every(self._client, Location, _LOCATIONS, {})]

    async def create_location(self, params: Params, *, key: str) -> Location:
        """Make a location."""
        return await self._write(Location, _LOCATIONS, params, key=key)

    async def retrieve_location(self, location: str) -> Location:
        """One location; `deleted` is set for one that is gone."""
        return await self._read(Location, _LOCATION, location)

    async def update_location(self, location: str, params: Params, *, key: str | None = None) -> Location:
        """Change a location; its country is for ever."""
        return await self._write(Location, _LOCATION, params, location, key=key)

    async def delete_location(self, location: str) -> Location:
        """Delete a location; its readers must be gone first."""
        return await self._delete(Location, _LOCATION, location)

    # Configurations

    async def list_configurations(self, *, account_default: bool | None = None) -> list[Configuration]:
        """Every configuration, or only the account's default one."""
        params: Params = {"is_account_default": account_default}
        return [found async for found in every(self._client, Configuration, _CONFIGURATIONS, params)]

    async def create_configuration(self, params: Params, *, key: str) -> Configuration:
        """Make a configuration; it has effect once a location points at it."""
        return await self._write(Configuration, _CONFIGURATIONS, params, key=key)

    async def retrieve_configuration(self, configuration: str) -> Configuration:
        """One configuration; `deleted` is set for one that is gone."""
        return await self._read(Configuration, _CONFIGURATION, configuration)

    async def update_configuration(
        self, configuration: str, params: Params, *, key: str | None = None
    ) -> Configuration:
        """Change a configuration; '' unsets a section, readers follow within ten minutes."""
        return await self._write(Configuration, _CONFIGURATION, params, configuration, key=key)

    async def delete_configuration(self, configuration: str) -> Configuration:
        """Delete a configuration; its locations fall back to the account's default."""
        return await self._delete(Configuration, _CONFIGURATION, configuration)

    # Files and tokens

    async def upload_file(
        self, purpose: str, filename: str, content: bytes, *, key: str | None = None
    ) -> FileObject:
        """Store a splash screen or a certificate; returns its file id."""
        reply = await self._client.upload(purpose, filename, content, key=key)
        return parse(FileObject, reply.data)

    async def retrieve_file(self, file: str) -> FileObject:
        """What is known of a stored file; its name is the one under which it was uploaded."""
        return await self._read(FileObject, "/v1/files/{}", file)

    async def create_connection_token(self, *, location: str | None = None) -> ConnectionToken:
        """A fresh one-time token for a client SDK, scoped to a location."""
        reply = await self._client.call("POST", "/v1/terminal/connection_tokens", {"location": location})
        return parse(ConnectionToken, reply.data)

    # The shapes of a call

    async def _command(self, reader: str, command: str, params: Params, *, key: str | None = None) -> Reader:
        reply = await self._client.call(
            "POST",
            f"{_READER}/{command}",
            params,
            ids=(reader,),
            key=key,
            retry=ONCE,
            timeout_s=COMMAND_TIMEOUT_S,
        )
        return parse(Reader, reply.data)

    async def _read(self, kind: type[Kind], route: str, *ids: str) -> Kind:
        return parse(kind, (await self._client.call("GET", route, ids=ids)).data)

    async def _write(
        self, kind: type[Kind], route: str, params: Params, *ids: str, key: str | None = None
    ) -> Kind:
        return parse(kind, (await self._client.call("POST", route, params, ids=ids, key=key)).data)

    async def _delete(self, kind: type[Kind], route: str, *ids: str) -> Kind:
        return parse(kind, (await self._client.call("DELETE", route, ids=ids)).data)
