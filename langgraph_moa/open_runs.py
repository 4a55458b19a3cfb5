"""Ends the runs of models that were cancelled: LangChain leaves them open, and a trace would show them as running."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, BaseCallbackHandler, BaseCallbackManager
from langchain_core.runnables import RunnableConfig


class OpenRuns(BaseCallbackHandler):
    """Knows which runs of models below one request have begun in this thread, and not ended.

    A model that blocks runs in a thread of its own, which nobody can cancel: it ends its run itself.
    """

    run_inline = True
    """Noting a run takes no thread of its own."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._parents: dict[UUID, UUID | None] = {}

    def on_chat_model_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:  # noqa: ANN401
        """Note a run."""
        if threading.get_ident() == self._thread:
            self._parents[run_id] = parent_run_id

    on_llm_start = on_chat_model_start

    def on_llm_end(self, *_: Any, run_id: UUID, **__: Any) -> None:  # noqa: ANN401
        """Forget a run."""
        self._parents.pop(run_id, None)

    on_llm_error = on_llm_end

    async def end(self, config: RunnableConfig, error: BaseException) -> None:
        """Tell the handlers of a config how all open runs have ended."""
        handlers = _handlers(config)
        for run_id, parent in list(self._parents.items()):
            run = AsyncCallbackManagerForLLMRun(
                run_id=run_id, handlers=handlers, inheritable_handlers=handlers, parent_run_id=parent
            )
            await run.on_llm_error(error)


def _handlers(config: RunnableConfig) -> list[BaseCallbackHandler]:
    callbacks = config.get("callbacks")
    return list(callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or ())
