"""What a Runnable is made of."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_core.vectorstores import InMemoryVectorStore

from langgraph_moa import Mixture, create_moa
from langgraph_moa.chains import chat_models_in, first_step, is_plain, map_chat_models, parts_of
from langgraph_moa.testing import ScriptedChatModel


class Asking(BaseRetriever):
    """A retriever that has a model rewrite the question, as some of LangChain's do."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(ONE.invoke(query).content)]


class Mending(StrOutputParser):
    """A parser that has a model mend what it cannot read, as some of LangChain's do."""

    chain: Any


ONE: Any = ScriptedChatModel(model_name="one")
TWO: Any = ScriptedChatModel(model_name="two")
PROMPT = ChatPromptTemplate.from_messages([("placeholder", "{messages}")])
FUNCTION: Runnable[Any, Any] = RunnableLambda(lambda value: value)
SAME: Runnable[Any, Any] = RunnablePassthrough()
GRAPH = create_moa(Mixture.of([ONE], ONE))
STORED = InMemoryVectorStore(DeterministicFakeEmbedding(size=2)).as_retriever()
CHOICE: Any = RunnableBranch((ONE | StrOutputParser(), TWO), ONE)
JOINED: list[Any] = [
    pytest.param(ONE, [ONE], True, id="itself"),
    pytest.param(ONE.bind(stop=["x"]).with_retry(), [ONE], True, id="bound"),
    pytest.param(ONE.with_fallbacks([TWO, ONE]), [ONE, TWO, ONE], True, id="fallbacks"),
    pytest.param(PROMPT | ONE | StrOutputParser(), [ONE], True, id="chain"),
    pytest.param(RunnableParallel(a=ONE, b=SAME), [ONE], True, id="one-branch"),
    pytest.param(RunnableParallel(a=ONE | TWO, b=PROMPT), [ONE, TWO], True, id="two-in-a-branch"),
    pytest.param(RunnablePassthrough.assign(a=ONE) | TWO, [ONE, TWO], True, id="assigned"),
    pytest.param(CHOICE, [ONE, TWO, ONE], True, id="choice"),
    pytest.param(STORED | ONE, [ONE], True, id="retriever"),
    pytest.param(StrOutputParser().map(), [], True, id="parser-of-each"),
    pytest.param(RunnableParallel(a=ONE, b=PROMPT | TWO), [ONE, TWO], False, id="branches"),
    pytest.param(SAME | RunnablePassthrough.assign(a=ONE, b=TWO), [ONE, TWO], False, id="assigned-at-once"),
    pytest.param(SAME | RunnableParallel(a=ONE, b=ONE) | TWO, [ONE, ONE, TWO], False, id="branches-within"),
    pytest.param((PROMPT | ONE).map(), [ONE], False, id="each"),
    pytest.param(ONE | FUNCTION, [ONE], False, id="function"),
    pytest.param(RunnablePassthrough(print) | ONE, [ONE], False, id="function-aside"),
    pytest.param(GRAPH | ONE, [ONE], False, id="graph"),
    pytest.param(Asking() | ONE, [ONE], False, id="retriever-that-asks"),
    pytest.param(ONE | Mending(chain=TWO), [ONE], False, id="parser-that-asks"),
]


@pytest.mark.parametrize(("runnable", "models", "plain"), JOINED)
def test_what_is_joined_is_seen(runnable: Any, models: list[Any], plain: bool) -> None:  # noqa: FBT001
    """Chat models are found behind whatever joins them; plain is what asks them one at a time, and nobody unseen."""
    assert chat_models_in(runnable) == models
    assert is_plain(runnable) is plain


def by_name(model: Any) -> Any:
    """Return a model that answers with its own name."""
    return model.model_copy(update={"replies": f"by {model.model_name}"})


@pytest.mark.parametrize(("runnable", "models", "plain"), JOINED)
def test_every_chat_model_that_is_seen_is_changed(runnable: Any, models: list[Any], plain: bool) -> None:  # noqa: FBT001
    """The Runnable is joined as it was, of other models in the same order, and the original is left alone."""
    before = list(parts_of(runnable))
    changed = map_chat_models(runnable, by_name)
    assert chat_models_in(changed) == [by_name(model) for model in models]
    assert [type(part) for part in parts_of(changed)] == [type(part) for part in before]
    assert type(changed) is type(runnable)
    assert is_plain(changed) is plain
    assert all(part is old for part, old in zip(parts_of(runnable), before, strict=True))


@pytest.mark.parametrize(
    ("runnable", "answer"),
    [
        pytest.param(RunnableParallel(a=ONE | StrOutputParser(), b=SAME), {"a": "new", "b": "q"}, id="parallel"),
        pytest.param(
            RunnableParallel(b=SAME) | RunnablePassthrough.assign(a=SAME | (lambda _: "q") | ONE | StrOutputParser()),
            {"a": "new", "b": "q"},
            id="assign",
        ),
        pytest.param(RunnableBranch((FUNCTION, ONE), TWO) | StrOutputParser(), "new", id="branch"),
        pytest.param((lambda text: [text, text]) | (ONE | StrOutputParser()).map(), ["new", "new"], id="each"),
        pytest.param(ONE.bind(stop=["x"]).with_retry() | StrOutputParser(), "new", id="bound"),
    ],
)
def test_changed_models_answer(runnable: Any, answer: Any) -> None:
    """What was changed runs as before, with the new models."""
    changed = map_chat_models(runnable, lambda model: model.model_copy(update={"replies": "new"}))
    assert changed.invoke("q") == answer


def test_the_first_step_is_what_reads_the_input() -> None:
    """It is found behind retries, fallbacks and bound arguments, at the head of a chain."""
    assert first_step((GRAPH.with_retry() | FUNCTION).with_fallbacks([ONE])) is GRAPH
    assert first_step(PROMPT | ONE) is PROMPT
