"""The application: routes, and which adapter answers each."""

from __future__ import annotations

import gc
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from .._version import __version__
from ..decision import Decision
from ..moderator import Moderator
from . import coral, discovery, own, perspective
from .access import CORAL, OPEN, Access
from .failures import JSON, Problem, failure, google_error
from .feedback import FeedbackFile
from .limits import Limits
from .observe import DECISIONS, Metrics, Observe
from .pace import Pace
from .page import add_page
from .perspective_messages import AnalyzeRequest, AnalyzeResponse, GoogleError, SuggestRequest, SuggestResponse
from .settings import Settings

PREFIX: Final = f"/{discovery.VERSION}"

_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": Problem, "description": "What is wrong with the request."},
    "5XX": {"model": Problem, "description": "Too busy, or a fault."},
}
_GOOGLE_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": GoogleError, "description": "What is wrong with the request."},
    "5XX": {"model": GoogleError, "description": "Too busy, or a fault."},
}


def create_app(settings: Settings, moderator: Moderator | None = None) -> ASGIApp:
    """The whole service as an ASGI application.

    Args:
        settings: how it runs; the network is left to the server.
        moderator: who decides; loaded as the settings say when ``None``.

    Raises:
        ModelError: the model cannot be used.
        SettingsError: the file for feedback cannot be written.
    """
    moderator = moderator or Moderator.load(settings.model, settings.policy)
    own.classify(["You are a complete idiot.", "Visit www.example.com"] * 20, moderator)  # tables are made at first use
    metrics = Metrics()
    app = _create_routes(settings, moderator, metrics)
    described = set(app.openapi()["paths"])  # made now: it takes a tenth of a second
    routes = OPEN | described | {path.removeprefix(PREFIX) for path in described}
    gc.collect()
    gc.freeze()  # what is there now stays: the collector need not go through it again
    served = Limits(Access(app, settings), settings)
    return Observe(served, metrics, routes, with_text=settings.log_text)


def _create_routes(settings: Settings, moderator: Moderator, metrics: Metrics) -> FastAPI:
    app = FastAPIOffline(
        title="moderate",
        version=__version__,
        description="Decides whether readers' comments may be published: approve or reject, with the reason.",
        redoc_url=None,
        favicon_url="data:,",
        redirect_slashes=False,  # clients of Perspective do not follow redirects
        strict_content_type=False,  # `Limits` looks at it
        swagger_ui_parameters={"defaultModelsExpandDepth": 0},
    )
    pace = Pace()
    app.include_router(_own(settings, moderator, metrics, pace))
    perspective_routes = _perspective(settings, moderator)
    for prefix in (PREFIX, ""):  # Coral, for one, lets its operator set the address with or without the version
        app.include_router(perspective_routes, prefix=prefix, include_in_schema=bool(prefix))
    app.include_router(_discovery())
    app.include_router(_coral(settings, moderator, pace))
    add_page(app)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(perspective.PerspectiveError, _refused_by_perspective)
    make_document = app.openapi
    app.openapi = lambda: _complete(make_document(), with_keys=bool(settings.api_keys))  # type: ignore[method-assign]
    return app


# --- Routes ---------------------------------------------------------------------------------------------------------


def _own(settings: Settings, moderator: Moderator, metrics: Metrics, pace: Pace) -> APIRouter:
    router = APIRouter(tags=["moderate"])

    @router.post("/v1/classify", summary="Decide on comments", response_model=own.ClassifyResponse, responses=_PROBLEMS)
    async def classify(body: own.ClassifyRequest, request: Request) -> Response:
        """Decide on up to a thousand comments; the decisions come in the order of the comments."""
        if len(body.comments) > settings.most_comments:
            places = [("comments", f"{len(body.comments):,} of them: at most {settings.most_comments:,} a request")]
            return failure(request.url.path, 422, "too many comments: split them over several requests", places=places)

        def work(texts: list[str]) -> list[tuple[Decision, bytes]]:
            results = own.classify(texts, moderator, html=body.html)
            return [(decision, JSON.encode(values)) for decision, values in results]

        decided = await pace.run(work, body.comments)
        request.scope[DECISIONS] = [decision for decision, _ in decided], body.comments
        content = b'{"decisions":[' + b",".join(values for _, values in decided) + b"]}"
        return Response(content, media_type=JSON.media_type)

    @router.get("/v1/info", summary="What is running", response_model=own.Info, responses=_PROBLEMS)
    async def info() -> Response:
        """Version, model, policy, categories and limits."""
        return JSON(own.describe(moderator, settings))

    @router.get("/healthz", summary="Health", response_model=own.Health)
    async def health() -> Response:
        """Whether it runs, and whether the model decides or the rules alone."""
        return JSON({"status": "ok", "source": "rules" if moderator.model is None else "model"})

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    async def show_metrics() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def _perspective(settings: Settings, moderator: Moderator) -> APIRouter:
    router = APIRouter(tags=["Perspective-compatible"])
    feedback = FeedbackFile(settings.feedback) if settings.feedback else None

    @router.post(
        "/comments:analyze", summary="Score a comment", response_model=AnalyzeResponse, responses=_GOOGLE_ERRORS
    )
    async def analyze(body: AnalyzeRequest, request: Request) -> Response:
        """Score a comment on the attributes asked for."""
        decision, response = perspective.analyze(body, moderator)
        request.scope[DECISIONS] = [decision], [body.comment and body.comment.text]
        return JSON(response)

    @router.post(
        "/comments:suggestscore", summary="Suggest scores", response_model=SuggestResponse, responses=_GOOGLE_ERRORS
    )
    async def suggest(body: SuggestRequest) -> Response:
        """Suggest the scores that a comment should have had; kept if the operator named a file for it."""
        suggestion, response = perspective.suggest(body, moderator)
        if feedback:
            feedback.add(suggestion)
        return JSON(response)

    return router


def _discovery() -> APIRouter:
    router = APIRouter(tags=["Perspective-compatible"])

    @router.get("/$discovery/rest", summary="Discovery document", responses=_GOOGLE_ERRORS)
    async def describe(request: Request, version: str = discovery.VERSION) -> Response:
        """The discovery document, from which Google's client libraries build a client."""
        if version != discovery.VERSION:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no other version than {discovery.VERSION}")
        return JSON(discovery.describe(str(request.base_url)))

    return router


def _coral(settings: Settings, moderator: Moderator, pace: Pace) -> APIRouter:
    router = APIRouter(tags=["Coral"])

    @router.post(
        CORAL,
        summary="Judge a comment for Coral",
        response_model=coral.CoralResponse,
        responses={204: {"description": "The comment may pass."}, **_PROBLEMS},
    )
    async def judge(body: coral.CoralRequest, request: Request) -> Response:
        """Coral's external moderation phase."""
        text = body.comment.body or ""
        (decision,) = await pace.run(lambda _: [coral.judge(body, moderator)], [text])
        request.scope[DECISIONS] = [decision], [text]
        response = coral.respond(decision, outright=settings.coral_rejects)
        return Response(status_code=HTTPStatus.NO_CONTENT) if response is None else JSON(response)

    return router


# --- Errors ---------------------------------------------------------------------------------------------------------


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return failure(request.url.path, 400, "the body is not JSON")
    # Only where and why: pydantic's messages never quote the value, unlike its "input".
    places = [(_place(problem["loc"]), str(problem["msg"])) for problem in problems]
    detail = "; ".join(f"{place}: {why}" for place, why in places[:3])
    return failure(request.url.path, 422, f"the request does not fit: {detail}", places=places)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "the body is not JSON" if error.status_code == HTTPStatus.BAD_REQUEST else error.detail
    return failure(request.url.path, error.status_code, detail, headers=error.headers)


async def _refused_by_perspective(_: Request, error: Exception) -> Response:
    assert isinstance(error, perspective.PerspectiveError)
    return google_error(400, str(error), error.details)


def _place(location: tuple[int | str, ...]) -> str:
    """A place in a body, such as ``comments[3]``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:]]
    return "".join(parts).removeprefix(".") or str(location[0])


def _complete(document: dict[str, Any], *, with_keys: bool) -> dict[str, Any]:
    """Say in the OpenAPI document how a key is sent, and that problems have the media type of RFC 9457."""
    if with_keys:
        document["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        document["security"] = [{"key": []}]
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status in {"4XX", "5XX"} and "/Problem" in str(content.get("application/json")):
                    content["application/problem+json"] = content.pop("application/json")
    return document
