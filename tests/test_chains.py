"""What a Runnable is made of."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough

from langgraph_moa import Mixture, create_moa
from langgraph_moa.chains import chat_models_in, first_step, is_plain, map_chat_models
from langgraph_moa.testing import ScriptedChatModel

ONE: Any = ScriptedChatModel(model_name="one")
TWO: Any = ScriptedChatModel(model_name="two")
PROMPT = ChatPromptTemplate.from_messages([("placeholder", "{messages}")])
FUNCTION: Runnable[Any, Any] = RunnableLambda(lambda value: value)
GRAPH = create_moa(Mixture.of([ONE], ONE))
JOINED: list[Any] = [
    pytest.param(ONE, [ONE], True, id="itself"),
    pytest.param(ONE.bind(stop=["x"]).with_retry(), [ONE], True, id="bound"),
    pytest.param(ONE.with_fallbacks([TWO]), [ONE, TWO], True, id="fallbacks"),
    pytest.param(PROMPT | ONE | StrOutputParser(), [ONE], True, id="chain"),
    pytest.param(RunnableParallel(a=ONE, b=PROMPT | TWO), [ONE, TWO], True, id="branches"),
    pytest.param(RunnablePassthrough.assign(a=ONE) | TWO, [ONE, TWO], True, id="assigned"),
    pytest.param(ONE | FUNCTION, [ONE], False, id="function"),
    pytest.param(GRAPH | ONE, [ONE], False, id="graph"),
]


@pytest.mark.parametrize(("runnable", "models", "plain"), JOINED)
def test_what_is_joined_is_seen(runnable: Any, models: list[Any], plain: bool) -> None:  # noqa: FBT001
    """Chat models are found behind whatever joins them; a function or a graph may call others unseen."""
    assert chat_models_in(runnable) == models
    assert is_plain(runnable) is plain


@pytest.mark.parametrize(("runnable", "models", "plain"), JOINED[:4])
def test_every_chat_model_is_changed(runnable: Any, models: list[Any], plain: bool) -> None:  # noqa: FBT001
    """The chain is joined as it was, of other models, and the original is left alone."""
    changed = map_chat_models(runnable, lambda model: model.model_copy(update={"replies": "changed"}))
    answer = changed.invoke({"messages": ["q"]} if "Prompt" in type(first_step(runnable)).__name__ else "q")
    assert getattr(answer, "content", answer) == "changed"
    assert len(chat_models_in(changed)) == len(models)
    assert chat_models_in(runnable) == models
    assert plain


def test_the_first_step_is_what_reads_the_input() -> None:
    """It is found behind retries, fallbacks and bound arguments, at the head of a chain."""
    assert first_step((GRAPH.with_retry() | FUNCTION).with_fallbacks([ONE])) is GRAPH
    assert first_step(PROMPT | ONE) is PROMPT
