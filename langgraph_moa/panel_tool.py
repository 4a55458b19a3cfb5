"""A mixture as a tool, for an agent that asks it only when a question is worth it."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

_DESCRIPTION = (
    "Ask a panel of several language models one hard question and get one answer made of theirs. It takes longer and "
    "costs more than answering yourself: use it where a single opinion would not do. The panel sees only the question."
)
_NO_FUNCTION_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST_NAME = 64


class PanelQuestion(BaseModel):
    """What the tool is called with."""

    question: str = Field(description="The whole question, with everything that is needed to answer it.")


def panel_tool(graph: Runnable[Any, Any], *, name: str, description: str | None) -> BaseTool:
    """Return a tool that asks a compiled mixture. Its artifact is the summary of the run.

    Args:
        graph: From `{"messages": [...]}` to a state whose last message is the answer.
        name: Of the mixture, or of the tool; letters, digits, `_` and `-` of it are kept.
        description: For the model that may call it; `None`: that it is a panel, slow and costly.
    """

    def ask(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        return _said(graph.invoke({"messages": [HumanMessage(question)]}, config))

    async def ask_in_loop(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        return _said(await graph.ainvoke({"messages": [HumanMessage(question)]}, config))

    return StructuredTool.from_function(
        ask,
        ask_in_loop,
        name=_NO_FUNCTION_NAME.sub("_", name)[:_LONGEST_NAME].strip("_") or "panel",
        description=description or _DESCRIPTION,
        args_schema=PanelQuestion,
        response_format="content_and_artifact",
    )


def _said(output: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    answer: AIMessage = output["messages"][-1]
    return answer.text, answer.response_metadata["moa"]
