"""What the operator sees: a line of JSON for each request, and metrics. No comment is in either, unless asked for."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import traceback
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..decision import Decision
from .failures import failure

LOGGER: Final = logging.getLogger("moderate.serve")
DECISIONS: Final = "moderate.decisions"  # key of a scope: what was decided, and on what: (decisions, texts)
OTHER: Final = "other"  # how a route is called that does not exist

_MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)  # seconds; Coral waits 0.2
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")


class JSONFormatter(logging.Formatter):
    """A log record as a line of JSON. Of an exception the message is left out, which may hold part of a comment."""

    def __init__(self, *, with_text: bool) -> None:
        """With texts, exceptions keep their messages."""
        super().__init__()
        self._with_text = with_text

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and (error := record.exc_info[1]):
            fields["error"] = type(error).__name__
            fields["traceback"] = traceback.format_tb(error.__traceback__)
            if self._with_text:
                fields["error_message"] = str(error)
        return json.dumps(fields)


def configure_logging(level: str, *, with_text: bool) -> None:
    """Send this service's log and uvicorn's to standard error, as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONFormatter(with_text=with_text))
    for logger in (LOGGER, logging.getLogger("uvicorn")):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())


class Metrics:
    """Counts for Prometheus; of all workers together when there are several."""

    def __init__(self) -> None:
        """Start from nothing."""
        self._registry = CollectorRegistry()
        options: dict[str, Any] = {"namespace": "moderate", "registry": self._registry}
        self.requests = Counter("requests", "Requests answered.", ["route", "status"], **options)
        self.seconds = Histogram("request_seconds", "Time to the response.", ["route"], buckets=_BUCKETS, **options)
        self.comments = Counter("comments", "Comments decided on.", ["verdict"], **options)
        self.rejections = Counter("rejections", "Rejected comments by strongest category.", ["category"], **options)
        self.in_hand = Gauge("requests_in_hand", "Requests in hand.", multiprocess_mode="livesum", **options)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        registry = self._registry
        if os.environ.get(_MULTIPROCESS):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def count(self, decisions: Collection[Decision]) -> None:
        """Count decisions."""
        for decision in decisions:
            self.comments.labels(decision.verdict).inc()
            if not decision.approved:
                self.rejections.labels(decision.categories[0].value).inc()


class Observe:
    """ASGI middleware, outermost: numbers each request, logs and counts it, and answers 500 for what nobody caught."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Collection[str], *, with_text: bool) -> None:
        """Stand before ``app``, which has ``routes``; every other path counts as one."""
        self._app = app
        self._metrics = metrics
        self._routes = frozenset(routes)
        self._with_text = with_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and keep watch."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        number = given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
        status = 499  # as nginx has it: the client went away before there was an answer

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = number
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with self._metrics.in_hand.track_inprogress():
            try:
                await self._app(scope, receive, watch)
            except Exception as error:
                LOGGER.exception("a request failed", extra={"fields": {"id": number}}, exc_info=error)
                if status == 499:
                    response = failure(scope["path"], 500, f"an error that is ours; it is in the log as {number}")
                    await response(scope, receive, watch)
        self._report(scope, number, status, time.perf_counter() - begin)

    def _report(self, scope: Scope, number: str, status: int, seconds: float) -> None:
        route = scope["path"] if scope["path"] in self._routes else OTHER
        decisions: Sequence[Decision]
        decisions, texts = scope.get(DECISIONS, ((), ()))
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        self._metrics.count(decisions)
        if not LOGGER.isEnabledFor(logging.INFO):
            return
        fields: dict[str, Any] = {
            "id": number,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(1000 * seconds, 2),
        }
        if decisions:
            fields |= {"comments": len(decisions), "rejected": sum(not decision.approved for decision in decisions)}
        if self._with_text and texts:
            fields["texts"] = list(texts)
        LOGGER.info("request", extra={"fields": fields})
