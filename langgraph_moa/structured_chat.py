"""What `with_structured_output` gives: a chat model whose answers are read in a schema."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langgraph_moa.errors import StructuredOutputError
from langgraph_moa.schemas import AnswerSchema

Model = Runnable[LanguageModelInput, AIMessage]


def structured(model: Model, schema: AnswerSchema) -> Runnable[LanguageModelInput, Any]:
    """Return what gives an answer's value: an instance of a class, or a table.

    Args:
        model: Whose answers are texts in the schema's written form.
        schema: To read them in.
    """

    def read(answer: AIMessage) -> Any:  # noqa: ANN401 - whatever the schema says
        return schema.instance(schema.read(answer))

    return model | RunnableLambda(read, name=schema.name)


def structured_with_raw(model: Model, schema: AnswerSchema) -> Runnable[LanguageModelInput, dict[str, Any]]:
    """Return what gives `raw`, `parsed` and `parsing_error`, as chat models do with `include_raw=True`.

    An answer that does not fit is no exception then: `raw` is that answer, and the error stands beside it.

    Args:
        model: As in `structured`.
        schema: As in `structured`.
    """

    def told(answer: AIMessage) -> dict[str, Any]:
        return {"raw": answer, "parsed": schema.instance(schema.read(answer)), "parsing_error": None}

    def misfit(error: StructuredOutputError) -> dict[str, Any]:
        return {"raw": AIMessage(error.raw), "parsed": None, "parsing_error": error}

    def call(given: LanguageModelInput, config: RunnableConfig) -> dict[str, Any]:
        try:
            return told(model.invoke(given, config))
        except StructuredOutputError as error:
            return misfit(error)

    async def call_in_loop(given: LanguageModelInput, config: RunnableConfig) -> dict[str, Any]:
        try:
            return told(await model.ainvoke(given, config))
        except StructuredOutputError as error:
            return misfit(error)

    return RunnableLambda(call, call_in_loop, name=schema.name)
