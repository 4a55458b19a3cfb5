"""Shows a run while it goes on."""

from __future__ import annotations

import threading
import time
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from langgraph_moa.events import CALLBACK_EVENT, ProgressEvent
from langgraph_moa.mixture import Mixture
from langgraph_moa.notebook.runs import WatchedRun
from langgraph_moa.notebook.screens import Screen, screen_here
from langgraph_moa.progress import Progress

_BETWEEN_DRAWINGS = 0.25
"""Seconds."""


class LiveView(BaseCallbackHandler):
    """Shows every call of a mixture's run with its state, seconds and tokens, in one place of a notebook.

    ```python
    graph.invoke(question, {"callbacks": [LiveView()]})
    await graph.ainvoke(question, {"callbacks": [LiveView()]})
    ChatMoA(mixture=mixture).invoke("Why is the sky blue?", {"callbacks": [LiveView()]})
    ```

    Mixtures within a mixture, in an agent and in a batch have a table each. They are drawn at most four times a second,
    and make no model stream. A view may be used again: when nothing that it was given to goes on, what comes next has a
    new place. Outside a notebook, each call that is over is a line on stderr.

    Args:
        mixture: Whose calls are shown from the beginning, waiting; `None`: each is shown once it is heard of.
    """

    run_inline = True
    """In the order in which events happen, which a pool of threads would not keep."""

    def __init__(self, mixture: Mixture | None = None) -> None:
        self._mixture = mixture
        self._lock = threading.RLock()
        self._open: dict[UUID, UUID | None] = {}
        """Everything that goes on, with the run that it is part of; `None`: of none that this view was given to."""
        self._runs: dict[UUID, WatchedRun] = {}
        """Of mixtures, by the run of their graph, as long as their place is used."""
        self._screen: Screen | None = None
        self._stop = threading.Event()

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note what a call does; the first one has a place made for all."""
        if name != CALLBACK_EVENT:
            return
        event: ProgressEvent = data
        now = time.monotonic()
        with self._lock:
            graph = self._open.get(run_id)
            if graph is None:
                return
            if graph not in self._runs:
                planned = self._mixture if self._mixture and self._mixture.name == event["mixture"] else None
                self._runs[graph] = WatchedRun(event["mixture"], Progress(planned), now)
            self._runs[graph].progress.take(event, now)
            if self._screen is None:
                self._begin()

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:  # noqa: ANN401
        """Note what a run belongs to."""
        with self._lock:
            self._open[run_id] = parent_run_id if parent_run_id in self._open else None

    def on_chain_end(self, *_: Any, run_id: UUID, **__: Any) -> None:  # noqa: ANN401
        """Note that a run is over."""
        self._close(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note that a run failed, was cancelled or was left."""
        self._close(run_id, type(error).__name__)

    on_chat_model_start = on_llm_start = on_tool_start = on_chain_start
    on_llm_end = on_tool_end = on_chain_end
    on_llm_error = on_tool_error = on_chain_error

    def _begin(self) -> None:
        self._screen, self._stop = screen_here(), threading.Event()
        self._draw()
        threading.Thread(target=self._draw_on, args=(self._stop,), name="langgraph-moa-view", daemon=True).start()

    def _close(self, run_id: UUID, failure: str | None) -> None:
        with self._lock:
            if self._open.pop(run_id, None) is None:
                self._forget_below(run_id)
            run = self._runs.get(run_id)
            if run is not None:
                run.ended, run.failure = time.monotonic(), failure
            if not self._open and self._screen is not None:
                self._stop.set()
                self._draw()
                self._runs, self._screen = {}, None

    def _forget_below(self, run_id: UUID) -> None:
        """Forget what was part of a run: LangChain never ends the runs of some calls that were cancelled."""
        for one in [one for one, parent in self._open.items() if parent == run_id]:
            del self._open[one]
            self._forget_below(one)

    def _draw_on(self, stop: threading.Event) -> None:
        while not stop.wait(_BETWEEN_DRAWINGS):
            with self._lock:
                if not stop.is_set():
                    self._draw()

    def _draw(self) -> None:
        if self._screen is not None:
            self._screen.show(list(self._runs.values()), time.monotonic())
