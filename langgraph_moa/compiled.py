"""The compiled graph of a mixture: LangGraph's, but that a synchronous run ends when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel

from langgraph_moa import background
from langgraph_moa.diagram import Diagram, html, svg
from langgraph_moa.panel_tool import panel_tool
from langgraph_moa.state import MoAState

Configs = RunnableConfig | Sequence[RunnableConfig] | None
_END = object()


class MoAGraph(CompiledStateGraph[MoAState, None, Any, Any]):
    """A mixture, ready to be called, streamed, or added as a node to another graph.

    Its input is typed loosely: messages may be given in any form that LangChain takes, such as `("user", "Hello")`.

    Args:
        diagram: What a notebook shows of it.
        parts: LangGraph's own.
    """

    def __init__(self, *, diagram: Diagram, **parts: Any) -> None:  # noqa: ANN401 - whatever LangGraph compiles
        super().__init__(**parts)
        self.diagram = diagram

    def _repr_mimebundle_(self, include: Collection[str] | None = None, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        """Draw it in a notebook, with no network, where LangGraph's own asks a hosted renderer.

        Args:
            include: What a caller wants alone, as in `IPython.display.display`; `text/vnd.mermaid` only then.
        """
        shown = {"text/plain": repr(self), "text/html": html(self.diagram), "image/svg+xml": svg(self.diagram)}
        if include is None:
            return shown
        shown["text/vnd.mermaid"] = self.get_graph().draw_mermaid()
        return {kind: text for kind, text in shown.items() if kind in include}

    def batch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - LangGraph's own options
    ) -> list[Any]:
        """Call the graph for every input, side by side; an interrupt cancels the calls of all.

        Args:
            inputs: One for each run.
            config: For all runs, or one for each. The first one's `max_concurrency` says how many runs go side by side;
                by default as many as a run makes calls, at least 128.
            return_exceptions: Whether a run's error stands in its place, rather than being raised.
            kwargs: Options of `invoke`.
        """
        context = copy_context()
        calls = context.run(background.calls_of_one_run)
        runs = partial(super().batch, inputs, self._widened(config), return_exceptions=return_exceptions, **kwargs)
        with ThreadPoolExecutor(1, thread_name_prefix="langgraph-moa-batch") as runner:
            try:
                return runner.submit(context.run, runs).result()
            finally:
                calls.cancel()

    def batch_as_completed(
        self,
        inputs: Sequence[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - LangGraph's own options
    ) -> Generator[tuple[int, Any]]:
        """Call the graph for every input, and give each output with its position, in the order in which they come.

        Closing the generator, or an interrupt, cancels the calls of all runs that have not ended.

        Args:
            inputs: As in `batch`.
            config: As in `batch`.
            return_exceptions: As in `batch`.
            kwargs: As in `batch`.
        """
        widened = self._widened(config)
        return _stepping(
            super().batch_as_completed(inputs, widened, return_exceptions=return_exceptions, **kwargs)  # type: ignore[call-overload]
        )

    def stream(self, input: Any, config: RunnableConfig | None = None, **options: Any) -> Generator[Any]:  # noqa: A002, ANN401
        """Stream as every LangGraph graph does; `invoke` streams too.

        Closing the stream, or an interrupt such as Ctrl-C, cancels every call at once: LangGraph itself would wait for
        each to end. Within a synchronous graph of the user's, that graph's own stream decides, and it does wait.

        Args:
            input: The conversation, as `{"messages": [...]}`; `None` to resume; or a `Command`.
            config: Of the run.
            options: LangGraph's own, such as `stream_mode`, `subgraphs` and `durability`.
        """
        return _stepping(super().stream(input, config, **options))

    def as_tool(
        self,
        args_schema: type[BaseModel] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        arg_types: dict[str, type] | None = None,
    ) -> BaseTool:
        """Return a tool that takes a question and gives the answer, for an agent that asks it when it is worth it.

        Args:
            args_schema: Of the whole input, as for any Runnable; `None`: one `question`.
            name: `None`: `ask_` and the mixture's name.
            description: For the model that may call it; `None`: that it is a panel, slow and costly.
            arg_types: As for any Runnable.
        """
        if args_schema is not None or arg_types is not None:
            return super().as_tool(args_schema, name=name, description=description, arg_types=arg_types)
        return panel_tool(self, name=name or f"ask_{self.get_name()}", description=description)

    def _widened(self, config: Configs) -> RunnableConfig | list[RunnableConfig]:
        """Return configs that say how many runs go side by side: LangChain does not ask the graph's own config.

        Nothing else of that is taken over, since every run merges it: callbacks would be called twice.
        """
        own = RunnableConfig(max_concurrency=(self.config or {}).get("max_concurrency"))
        if config is None or isinstance(config, dict):
            return {**own, **(config or {})}
        return [{**own, **one} for one in config]


def _stepping(steps: Iterator[Any]) -> Generator[Any]:
    """Step through a synchronous run in a thread of its own, and cancel its calls when nobody reads on."""
    context = copy_context()
    calls = context.run(background.calls_of_one_run)
    with ThreadPoolExecutor(1, thread_name_prefix="langgraph-moa-stream") as stepper:
        try:
            while (chunk := stepper.submit(context.run, _step, steps).result()) is not _END:
                yield chunk
        finally:
            calls.cancel()
            stepper.submit(context.run, _close, steps).result()


def _step(steps: Iterator[Any]) -> Any:  # noqa: ANN401 - whatever the stream modes give
    return next(steps, _END)


def _close(steps: Iterator[Any]) -> None:
    if isinstance(steps, Generator):
        steps.close()
