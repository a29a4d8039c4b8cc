"""Requests whose path is no route: another spelling of a source's address, an unknown source, or nothing at all."""

from aiohttp import web

from ingest.http import probes
from ingest.http.handler import Handler
from schemas.addresses import Kind, address_of


class OtherSpellings:
    """Finds the handler that is meant: slashes and capitals do not matter."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[Kind, str], tuple[Handler, bool]] = {}

    def add(self, kind: Kind, source: str, handler: Handler, *, with_tail: bool) -> None:
        """Adds a handler; `with_tail`: it also answers what follows the source's name."""
        self._handlers[kind, source] = handler, with_tail

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """The answer of the handler; 404 for an unknown source and for any other address."""
        found = self._found(request)
        if found is not None:
            return await found(request)
        address = address_of(request.path)
        if address is not None and not address.tail and (address.kind, address.source) not in self._handlers:
            return await probes.unknown_source(request)
        return await probes.not_found(request)

    async def expect(self, request: web.Request) -> None:
        """Asks for the body when there is a handler: a refusal needs none."""
        found = self._found(request)
        if found is not None:
            await found.expect(request)

    def _found(self, request: web.Request) -> Handler | None:
        address = address_of(request.path)
        known = None if address is None else self._handlers.get((address.kind, address.source))
        if address is None or known is None:
            return None
        handler, with_tail = known
        return handler if with_tail or not address.tail else None
