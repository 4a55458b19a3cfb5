"""The compiled graph of a mixture: LangGraph's, but that a synchronous run ends when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from langgraph_moa import background
from langgraph_moa.state import MoAState

_END = object()


class MoAGraph(CompiledStateGraph[MoAState, None, Any, Any]):
    """A mixture, ready to be called, streamed, or added as a node to another graph.

    Its input is typed loosely: messages may be given in any form that LangChain takes, such as `("user", "Hello")`.
    """

    def batch(self, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401 - LangChain's own arguments
        """Call the graph for every input, side by side; an interrupt cancels the calls of all."""
        context = copy_context()
        calls = context.run(background.calls_of_one_run)
        with ThreadPoolExecutor(1, thread_name_prefix="langgraph-moa-batch") as runner:
            try:
                return runner.submit(context.run, partial(super().batch, *args, **kwargs)).result()
            finally:
                calls.cancel()

    def stream(self, *args: Any, **kwargs: Any) -> Generator[Any]:  # noqa: ANN401 - LangGraph's own arguments
        """Stream as every LangGraph graph does; `invoke` streams too.

        Closing the stream, or an interrupt such as Ctrl-C, cancels every call at once: LangGraph itself would wait for
        each to end. Within a synchronous graph of the user's, that graph's own stream decides, and it does wait.
        """
        steps = super().stream(*args, **kwargs)
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
