"""uvicorn's server and connection, with what they lack: a time limit for a request, and an end that loses nothing.

The end, after SIGTERM: nobody is let in any more; open connections are served as before, until every worker has heard
of it; then each gets one last answer, with ``Connection: close``; then what is in hand is finished.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Beyond `Settings.read_seconds`, after which a body that has not arrived is answered, a connection is closed: this is
# for clients that send half a header, and for what is left of a body that was refused.
GRACE_SECONDS: Final = 5.0
MOST_HEAD: Final = 64 << 10  # bytes of a request's header: four times what servers usually take
# uvicorn looks for a signal ten times a second. Were one worker to send its clients away before the others have stopped
# listening, they would come back to a queue that nobody serves any more.
SETTLE_SECONDS: Final = 0.4
# How long an idle connection then waits for a request that may be on its way already, so as not to close in its face.
DRAIN_SECONDS: Final = 1.0


class Server(uvicorn.Server):
    """A server that ends in the order above."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, wait, then end."""
        await asyncio.sleep(0)  # for those to be let in who are at the door
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        await asyncio.sleep(SETTLE_SECONDS)
        await super().shutdown(sockets)


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    read_seconds = 10.0  # for a request to arrive

    _reading: asyncio.TimerHandle | None = None
    _draining = False
    _head: int | None = None  # bytes of a header that is not there whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a first request, but not for ever."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time limit."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, but no header without end."""
        super().data_received(data)
        if self._head is not None:
            self._head += len(data)
            if self._head > MOST_HEAD and not self.transport.is_closing():
                self.send_400_response("The header is too long.")

    def on_message_begin(self) -> None:
        """Give the request its time."""
        super().on_message_begin()
        self._head = 0
        self._expect()

    def on_headers_complete(self) -> None:
        """Start the request; while the server shuts down its answer is the last one."""
        super().on_headers_complete()
        self._head = None
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
        self._reading = self.loop.call_later(self.read_seconds, self._give_up)

    def _arrived(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def within(seconds: float) -> type[Connection]:
    """Connections on which a request has so many seconds to arrive."""
    return type("Connection", (Connection,), {"read_seconds": seconds})
