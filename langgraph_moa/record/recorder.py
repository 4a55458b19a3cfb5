"""A callback handler that writes down what a mixture does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.events import CALLBACK_EVENT
from langgraph_moa.guarding import SecretsAware
from langgraph_moa.record.building import build_record
from langgraph_moa.record.cleaning import cleaned, cleaner
from langgraph_moa.record.hearing import Heard, HeardMixture, Tree
from langgraph_moa.record.run_record import RunRecord
from langgraph_moa.usage import PriceTable, packaged_prices


class RunRecorder(SecretsAware):
    """Records every run of a mixture that it is given to, through whichever door, synchronous or not.

    ```python
    recorder = RunRecorder()
    graph.invoke({"messages": [...]}, {"callbacks": [recorder]})  # also stream, ainvoke, ChatMoA, an agent around it
    Path("run.html").write_text(recorder.result().to_html(), encoding="utf-8")
    ```

    It makes no model stream, and its record of a stream has the same content as that of `invoke`, but for the times of
    first tokens. It keeps what it has heard until `clear`; a run with no mixture in it leaves nothing.

    Args:
        prices: For the cost of runs that fail or ask proposers alone; the others tell it themselves. `None`: those of
            the package, so give a mixture's own here if it has any.
    """

    run_inline = True
    """What it hears keeps its order, and takes no thread of its own."""

    def __init__(self, prices: PriceTable | None = None) -> None:
        self._prices = prices
        self._lock = threading.Lock()
        self._runs: dict[UUID, Heard] = {}
        self._secrets: dict[Callable[[], Iterable[str]], frozenset[str]] = {}
        self._offset = time.time() - time.monotonic()

    def result(self) -> RunRecord:
        """Return the record of the run that began last; one that has not ended is recorded as far as it has come.

        Raises:
            ConfigurationError: No run of a mixture was heard.
        """
        records = self.results()
        if not records:
            raise ConfigurationError(
                "this recorder has heard no run of a mixture: give it to one as "
                'graph.invoke(..., {"callbacks": [recorder]}), and ask it afterwards'
            )
        return records[-1]

    def results(self) -> tuple[RunRecord, ...]:
        """Return the record of each run, in the order in which they began; one within a slot is part of its own run."""
        with self._lock:
            heard = [replace(run, events=list(run.events)) for run in self._runs.values()]
            known = frozenset().union(*self._secrets.values())
        tree, prices = Tree(heard), self._prices or packaged_prices()
        runs = [HeardMixture(graph, graph.began + self._offset, tree) for graph in tree.mixtures()]
        return tuple(cleaned(build_record(run, prices), known) for run in runs)

    def learn_secrets(self, secrets: Callable[[], Iterable[str]]) -> None:
        """Note the keys that a mixture's models hold, to mask them in what they say."""
        with self._lock:
            is_known = secrets in self._secrets
        if not is_known:
            found = frozenset(secrets())
            with self._lock:
                self._secrets[secrets] = found

    def masked(self, text: str) -> str:
        """Return a text as records show it: without the keys that the models hold whose runs were heard."""
        with self._lock:
            known = frozenset().union(*self._secrets.values())
        return cleaner(known)(text)

    def clear(self) -> None:
        """Forget every run that has ended."""
        with self._lock:
            open_roots = {run.root for run in self._runs.values() if run.parent is None and run.ended is None}
            self._runs = {name: run for name, run in self._runs.items() if run.root in open_roots}
            if not self._runs:
                self._secrets = {}

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        inputs: Any,  # noqa: ANN401 - whatever a chain is given
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Note the run of a graph, a node or a chain."""
        self._begin(run_id, parent_run_id, metadata, given=inputs, name=name)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Note the call of a chat model."""
        self._begin(run_id, parent_run_id, metadata, given=messages[0], name=name, is_model=True)

    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Note the call of a completion model."""
        self._begin(run_id, parent_run_id, metadata, given=prompts, name=name, is_model=True)

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        name: str | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Note the run of a tool: what is asked in it belongs to the run that calls it."""
        self._begin(run_id, parent_run_id, metadata, given=input_str, name=name)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note what a tool gave."""
        self._end(run_id, gave=output)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note why a tool failed."""
        self._end(run_id, error=error)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note what a graph, a node or a chain gave."""
        self._end(run_id, gave=outputs)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note what a model said."""
        generations = response.generations
        first = generations[0][0] if generations and generations[0] else None
        self._end(run_id, gave=getattr(first, "message", None) or getattr(first, "text", None))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note why a run failed."""
        self._end(run_id, error=error)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note why a call failed, or that nobody waits for it any more."""
        self._end(run_id, error=error)

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **_: Any) -> None:  # noqa: ANN401
        """Note what a node of a mixture tells of itself."""
        if name != CALLBACK_EVENT:
            return
        now = time.monotonic()
        with self._lock:
            node = self._runs.get(run_id)
            if node is None:
                return
            node.events.append((now, data))
            if data["event"] == "first_token":
                self._note_first_token(node, now)

    def _begin(
        self,
        identifier: UUID,
        parent: UUID | None,
        metadata: Mapping[str, Any] | None,
        *,
        given: Any,  # noqa: ANN401
        name: str | None,
        is_model: bool = False,
    ) -> None:
        with self._lock:
            above = self._runs.get(parent) if parent is not None else None
            root = identifier if above is None else above.root
            begun = Heard(identifier, parent, root, is_model, metadata or {}, name, given, time.monotonic())
            self._runs.setdefault(identifier, begun)

    def _end(self, identifier: UUID, *, gave: Any = None, error: BaseException | None = None) -> None:  # noqa: ANN401
        with self._lock:
            run = self._runs.get(identifier)
            if run is None or run.ended is not None:
                return
            run.ended, run.gave, run.error = time.monotonic(), gave, error
            if run.root == identifier:
                self._forget_unless_mixture(run)

    def _forget_unless_mixture(self, root: Heard) -> None:
        """Drop what was heard of a run that has ended, where no mixture was asked in it."""
        own = [run for run in self._runs.values() if run.root == root.identifier]
        if not any(run.events for run in own):
            for run in own:
                del self._runs[run.identifier]

    def _note_first_token(self, node: Heard, now: float) -> None:
        """Give the time to the call that began last below a node and is under way: only that one can be streaming."""
        for run in reversed(self._runs.values()):
            if run.is_model and run.ended is None and self._is_below(run, node):
                run.first_token = now
                return

    def _is_below(self, run: Heard, node: Heard) -> bool:
        parent = run.parent
        while parent is not None and parent != node.identifier and parent in self._runs:
            parent = self._runs[parent].parent
        return parent == node.identifier
