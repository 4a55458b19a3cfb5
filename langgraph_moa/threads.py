"""Runs blocking functions beside an event loop, each in a daemon thread of its own.

The loop's own executor has few threads, and whoever hangs in one of them holds up every other mixture and the end of
the process. A thread of its own costs a tenth of a millisecond.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - whatever it takes
    """Await a blocking call, in a copy of the caller's context. When cancelled, its result is dropped when it comes.

    Raises:
        BaseException: Whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()
    context = copy_context()

    def work() -> None:
        try:
            result = context.run(function, *arguments)
        except StopIteration as error:
            settle(outcome.set_exception, RuntimeError(f"the call raised {error!r}, which no future can hold"))
        except BaseException as error:  # noqa: BLE001 - it is raised to the caller
            settle(outcome.set_exception, error)
        else:
            settle(outcome.set_result, result)

    def settle(setter: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else setter(value))

    threading.Thread(target=work, name="langgraph-moa-call", daemon=True).start()
    return await outcome
