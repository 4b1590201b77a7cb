"""Running the service: the socket, the workers, the signals."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final

import uvicorn
from prometheus_client.multiprocess import mark_process_dead

from .._version import __version__
from ..errors import SettingsError
from ..moderator import Moderator
from .app import create_app
from .connections import GRACE_SECONDS, Server, within
from .feedback import FeedbackFile
from .observe import LOGGER, configure_logging
from .settings import Settings

BACKLOG: Final = 2048  # connections that wait to be accepted, as uvicorn has it
# Longer than the agents of Node keep a connection open without use, so that they and not we close it: else a request
# can meet a closing connection.
KEEP_ALIVE_SECONDS: Final = 75
STARTING_SECONDS: Final = 5.0  # a worker that lives no longer failed to start; another would fail, too


def serve(settings: Settings, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what was accepted.

    Args:
        settings: how.
        say: told where it listens, and who can reach it.
        warn: told when everybody can.

    Raises:
        ModelError: the model cannot be used.
        SettingsError: the address cannot be listened on, or the file for feedback not be written.
    """
    moderator = Moderator.load(settings.model, settings.policy)
    if settings.feedback:
        FeedbackFile(settings.feedback)  # whether it can be written
    listener = _listen(settings)
    if settings.workers == 1:
        server = _prepare(settings, moderator)
        _announce(settings, listener, say, warn)
        server.run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="moderate-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # where the workers keep their counts, for one to add up
        _supervise(settings, listener, ready=lambda: _announce(settings, listener, say, warn))


def _listen(settings: Settings) -> socket.socket:
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise SettingsError(f"cannot listen on {where}: {error.strerror or error}") from error


def _announce(
    settings: Settings, listener: socket.socket, say: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    say(f"moderate {__version__} listens on {url} (a page for moderators; the API is described at {url}/docs)")
    if settings.api_keys:
        say("it asks for an API key")
    elif settings.local:
        say("only this machine can reach it, for it asks for no API key: see --api-keys and --host")
    else:
        warn(f"anybody who can reach {host}:{port} may use it, for it asks for no API key: see --api-keys")
    if settings.coral_secrets:
        say(f"Coral is to sign its requests to {url}/coral")


def _work(settings: Settings, listener: socket.socket) -> None:
    """Be a worker."""
    _prepare(settings).run(sockets=[listener])


def _prepare(settings: Settings, moderator: Moderator | None = None) -> Server:
    """A server that is ready to run, and to be stopped."""
    configure_logging(settings.log_level, with_text=settings.log_text)
    config = uvicorn.Config(
        create_app(settings, moderator),
        http=within(settings.read_seconds + GRACE_SECONDS),
        ws="none",
        loop="asyncio",  # uvloop answers no faster here, and lets in one new connection for each round of answers
        lifespan="off",
        log_config=None,
        access_log=False,  # its lines would have the query, and with it the key
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.shutdown_seconds),
    )
    server = Server(config)
    # For a signal that comes before uvicorn listens to them; and for those that it raises again when it is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    return server


def _supervise(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Keep the workers alive, until a signal comes; then let them finish."""
    configure_logging(settings.log_level, with_text=settings.log_text)
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    workers = [_start(settings, listener) for _ in range(settings.workers)]
    ready()
    failed = False
    while not stopping and not failed:
        wait([worker.sentinel for worker, _ in workers], timeout=0.2)
        for index, (worker, born) in enumerate(workers):
            if worker.is_alive() or stopping:
                continue
            mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
            LOGGER.error("worker %s is gone, exit status %s", worker.pid, worker.exitcode)
            failed = time.monotonic() - born < STARTING_SECONDS
            if not failed:
                workers[index] = _start(settings, listener)
    listener.close()
    for worker, _ in workers:
        if worker.is_alive():
            worker.terminate()
    for worker, _ in workers:
        worker.join()
    if failed:
        raise SettingsError("a worker process ended as soon as it had started; the log says why")


def _start(settings: Settings, listener: socket.socket) -> tuple[SpawnProcess, float]:
    """A new worker, and when it was born."""
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(settings, listener))
    worker.start()
    return worker, time.monotonic()
