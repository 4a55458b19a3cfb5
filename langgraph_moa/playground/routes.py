"""The page and its API as routes, to be mounted at `/` of a Starlette application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request as HTTPRequest
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from langgraph_moa.checks import shown as shown_value
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError, MoAError
from langgraph_moa.failures import failure_of
from langgraph_moa.mixture import Mixture
from langgraph_moa.playground.asking import changed, described, read_request
from langgraph_moa.playground.earlier_runs import EarlierRuns, UnknownRunError
from langgraph_moa.playground.markdown import as_html
from langgraph_moa.playground.running import prepared, run_events
from langgraph_moa.playground.streaming import EventStream
from langgraph_moa.playground.telling import shown, summarised

API = "/playground/api"
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "drawing.js": "text/javascript"} | {
    "asking.js": "text/javascript",
    "theme.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
ASK_PATH = "/playground/api/ask"
"""What begins a run, and so costs something."""
OPEN_PATHS = frozenset({"/", *(f"/playground/{name}" for name in _FILES)})
"""The page itself, which tells nobody anything: only its API has to be kept from strangers."""
_WEB = Path(__file__).parent / "web"
_CLOSED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ENDS = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_HEADERS = _CLOSED | {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    f"img-src 'self' data:; {_ENDS}",
    "Cache-Control": "no-cache",
}
RECORD_HEADERS = _CLOSED | {
    "Content-Security-Policy": f"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_ENDS}",
    "Cache-Control": "no-store",
}
_API_HEADERS = _CLOSED | {"Cache-Control": "no-store"}
PATIENCE = 30.0
"""Seconds that a reader has to take an event, unless told otherwise."""


class Mixtures(Protocol):
    """What can be asked, by name."""

    def names(self) -> tuple[str, ...]:
        """Return the names, the one to begin with first."""

    def mixture(self, name: str) -> Mixture:
        """Return the mixture of a name, as it is now.

        Raises:
            MoAError: There is none, or its file is wrong.
        """


Answer = Callable[[HTTPRequest], Awaitable[Response]]


def playground_routes(
    mixtures: Mixtures, runs: EarlierRuns | None = None, *, patience: float = PATIENCE
) -> list[BaseRoute]:
    """Return the routes of the page: `/`, its files below `/playground/`, its API below `/playground/api/`.

    Whoever may ask the API may spend what the keys of this process allow: check who asks before, in a middleware that
    lets `OPEN_PATHS` through. The page asks its reader for a bearer token when the API answers 401.

    Args:
        mixtures: What can be asked.
        runs: Where runs are kept; `None`: in memory.
        patience: Seconds that a reader has to take each event of a run; after that the run is stopped.
    """
    playground = _Playground(mixtures, runs or EarlierRuns(), patience)
    return [
        Route("/", _page),
        Route("/playground/api/mixtures", _told(playground.names)),
        Route("/playground/api/mixture", _told(playground.mixture)),
        Route(ASK_PATH, _told(playground.ask), methods=["POST"]),
        Route("/playground/api/runs", _told(playground.runs)),
        Route("/playground/api/runs/{identifier}", _told(playground.run)),
        Route("/playground/api/runs/{identifier}/record", _told(playground.record)),
        Route("/playground/{name}", _file),
    ]


class _Playground:
    """Answers the page's requests."""

    def __init__(self, mixtures: Mixtures, runs: EarlierRuns, patience: float) -> None:
        self._mixtures = mixtures
        self._runs = runs
        self._patience = patience

    async def names(self, _: HTTPRequest) -> Response:
        """List what can be asked."""
        return _as_json({"mixtures": list(await asyncio.to_thread(self._mixtures.names))})

    async def mixture(self, request: HTTPRequest) -> Response:
        """Tell the stages of one mixture."""
        name = request.query_params.get("name", "")
        return _as_json(described(await asyncio.to_thread(self._mixtures.mixture, name)))

    async def ask(self, request: HTTPRequest) -> Response:
        """Run a mixture, and tell it as it goes."""
        _refuse_other_sites(request.headers)
        question, mixture, graph = await asyncio.to_thread(self._asked, await request.body())
        events = run_events(graph, mixture, question, self._runs)
        return EventStream(events, patience=self._patience, headers=_API_HEADERS)

    def _asked(self, body: bytes) -> tuple[str, Mixture, MoAGraph]:
        asked = read_request(_read_json(body))
        mixture = changed(self._mixtures.mixture(asked.mixture), asked)
        return asked.question, mixture, prepared(mixture)

    async def runs(self, _: HTTPRequest) -> Response:
        """List the last runs."""

        def listed() -> Response:
            return _as_json({"runs": [summarised(*run) for run in self._runs.listed()]})

        return await asyncio.to_thread(listed)

    async def run(self, request: HTTPRequest) -> Response:
        """Tell a run as the page draws it."""
        identifier = request.path_params["identifier"]
        return await asyncio.to_thread(lambda: _as_json(shown(identifier, self._runs.get(identifier), cache(as_html))))

    async def record(self, request: HTTPRequest) -> Response:
        """Give a run's record as a page of its own, in which nothing runs."""
        record = await asyncio.to_thread(self._runs.get, request.path_params["identifier"])
        return HTMLResponse(await asyncio.to_thread(record.to_html), headers=RECORD_HEADERS)


def _told(answer: Answer) -> Answer:
    """Return what answers a request, with this package's errors told in words."""

    async def answered(request: HTTPRequest) -> Response:
        try:
            return await answer(request)
        except UnknownRunError as error:
            return _as_error(error, 404)
        except MoAError as error:
            return _as_error(error, 400)

    return answered


def _as_json(data: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(data, status, headers=_API_HEADERS)


def _as_error(error: MoAError, status: int) -> Response:
    return _as_json({"error": failure_of(error)}, status)


def _read_json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the request must be a JSON object, and is none: {error}") from None


def _refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Refuse what the page of another site has a browser send: it would spend money without being asked.

    A browser lets any page post plain text and forms to any address, and JSON only where the address agrees.

    Raises:
        ConfigurationError: It is no JSON, or the browser says that it comes from elsewhere.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ConfigurationError(f"the Content-Type must be application/json, got {shown_value(kind)}")
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none"):
        raise ConfigurationError(f"this came from the page of another site ({site}): ask from the playground itself")


async def _page(_: HTTPRequest) -> Response:
    return FileResponse(_WEB / "page.html", media_type="text/html", headers=PAGE_HEADERS)


async def _file(request: HTTPRequest) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        return _as_json({"error": {"kind": "NotFound", "message": "there is no such file"}}, 404)
    return FileResponse(_WEB / name, media_type=_FILES[name], headers=PAGE_HEADERS)
