"""The simulated Stripe API on a socket."""

from dataclasses import dataclass

from aiohttp import web

from drivers.simulators.stripe_api.core import StripeSimulator
from drivers.simulators.stripe_api.wire import BODY_MAX, ConnectionDropped, SimRequest


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs: `url` is its base address; `close` ends it."""

    url: str
    runner: web.ServerRunner

    async def close(self) -> None:
        """Stop listening and end all connections."""
        await self.runner.cleanup()


async def _cut(request: web.BaseRequest, dropped: ConnectionDropped) -> web.StreamResponse:
    """Send what still gets through and cut the connection for good."""
    answer = web.StreamResponse()
    if dropped.partial is not None:
        answer = web.StreamResponse(status=dropped.partial.status, headers=dropped.partial.headers)
        answer.content_length = dropped.length
        await answer.prepare(request)
        await answer.write(dropped.partial.body)
    if request.transport is not None:
        request.transport.close()
    return answer


async def _body(request: web.BaseRequest) -> bytes:
    """The request's body; more than `BODY_MAX` is cut there, which the core refuses."""
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > BODY_MAX:
            break
    return b"".join(chunks)


async def serve(simulator: StripeSimulator, host: str = "127.0.0.1", port: int = 12111) -> Serving:
    """Listen on `host`:`port` (0: any free port) in the running loop.

    Errors: `OSError` when the address is taken.
    """

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = await _body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            response = await simulator.handle(SimRequest(request.method, request.raw_path, headers, body))
        except ConnectionDropped as dropped:
            return await _cut(request, dropped)
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    runner = web.ServerRunner(web.Server(answer), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    bound = runner.addresses[0][1]
    return Serving(f"http://{host}:{bound}", runner)
