"""uvicorn's HTTP connection, with what it lacks: a time limit for a request, and an end that loses nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A connection is closed when a request has not arrived whole by then. The limit of `Settings.read_seconds` for the
# body, which gets an answer, is shorter; this one is for clients that send half a header, and for what is left of a
# body that was refused.
READ_SECONDS: Final = 10.0
# How long open connections are still served after SIGTERM, each with its last answer: a request that was on its way
# when the signal came is not met by a closed connection.
DRAIN_SECONDS: Final = 1.0


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    _reading: asyncio.TimerHandle | None = None
    _draining = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request, but not for ever."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time limit."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Give the request its time."""
        super().on_message_begin()
        self._expect()

    def on_headers_complete(self) -> None:
        """Start the request; while the server shuts down its answer is the last one."""
        super().on_headers_complete()
        if self._draining and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Stop the clock."""
        self._arrived()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Finish what is in hand and what is on its way, then close."""
        self._draining = True
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(DRAIN_SECONDS, self._close)
        else:
            super().shutdown()

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _expect(self) -> None:
        self._arrived()
        self._reading = self.loop.call_later(READ_SECONDS, self._give_up)

    def _arrived(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
