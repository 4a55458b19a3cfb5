"""The application: its paths, and what stands before them."""

from __future__ import annotations

import time

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from langgraph_moa.playground import ASK_PATH, OPEN_PATHS, EarlierRuns, playground_routes
from langgraph_moa.serving.catalogue import Catalogue
from langgraph_moa.serving.completions import ChatCompletions
from langgraph_moa.serving.failures import RequestFailure
from langgraph_moa.serving.guard import Guard, refused
from langgraph_moa.serving.office import Office, told_failure
from langgraph_moa.serving.settings import Settings
from langgraph_moa.serving.turnstile import Turnstile

_HEALTH = "/healthz"


def create_app(catalogue: Catalogue, settings: Settings) -> Starlette:
    """Return an ASGI application that answers as OpenAI's API does.

    Args:
        catalogue: The mixtures.
        settings: Who may ask, and how much.
    """
    office = Office(catalogue, settings)
    page = playground_routes(catalogue, EarlierRuns(settings.runs), patience=settings.patience)
    routes = [*_api(office), *(page if settings.page else ())]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, settings=settings, is_open=_is_open),
            Middleware(Turnstile, doors=office.doors, path=ASK_PATH),
        ],
        exception_handlers={RequestFailure: _refused, HTTPException: _no_such_path, Exception: _refused},
    )


def _api(office: Office) -> list[BaseRoute]:
    since = int(time.time())

    async def models(_: Request) -> Response:
        listed = [_described(name, since) for name in office.catalogue.names()]
        return JSONResponse({"object": "list", "data": listed})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            office.catalogue.model(name)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the client is told
            return refused(told_failure(error))
        return JSONResponse(_described(name, since))

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(office.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        Route("/v1/chat/completions", ChatCompletions(office).answer, methods=["POST"]),
        Route(_HEALTH, health),
        Route("/metrics", metrics),
    ]


def _described(name: str, since: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": since, "owned_by": "langgraph-moa"}


def _is_open(path: str) -> bool:
    """Say whether a path needs no token, also where there is one: the page holds nothing, and asks for it."""
    return path == _HEALTH or path in OPEN_PATHS


async def _refused(_: Request, error: Exception) -> Response:
    return refused(told_failure(error))


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    allowed = getattr(error, "headers", None) or {}
    message = f"{request.method} {request.url.path[:100]} is not known here. GET /v1/models lists what is served"
    return refused(RequestFailure(status, message, "unknown_path", headers=dict(allowed)))
