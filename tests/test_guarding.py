"""The guard comes before every tracer, and leaves nothing for them to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    AsyncCallbackManager,
    BaseCallbackHandler,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.tools import tool
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from tenacity import Future, RetryCallState, Retrying

from langgraph_moa.guarding import SecretGuard, guarded, guarding
from langgraph_moa.redaction import MASK

KEY = "c4n4ry-7f3e9b1d"
SAID = f"the gateway was sent {KEY}, and did not like it"


def secrets() -> list[str]:
    """Return the key."""
    return [KEY]


class Refused(Exception):  # noqa: N818
    """An error as providers' clients raise it, with the response in it."""

    def __init__(self) -> None:
        super().__init__(SAID)
        self.body = {"error": {"message": SAID}}
        self.response = Response()


class Response:
    """A response that says the key back."""

    status_code = 401
    text = SAID
    headers = {"x-echo": KEY}  # noqa: RUF012

    def json(self) -> dict[str, Any]:
        """Return the body."""
        return {"error": {"message": SAID}}


class Refusing(BaseChatModel):
    """A chat model whose provider says the key back; its repr shows the headers that it sends."""

    sends: dict[str, str] = {"x": KEY}  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "refusing"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"extra_headers": self.sends, "temperature": 0}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise Refused


class Tracer(BaseTracer):
    """Keeps what a tracer would tell."""

    def __init__(self) -> None:
        super().__init__(_schema_format="original+chat")
        self.told = ""

    def _persist_run(self, run: Run) -> None:
        """Keep the outermost run too."""

    def _end_trace(self, run: Run) -> None:
        self.told += repr(vars(run))
        super()._end_trace(run)


class InlineTracer(Tracer):
    """Runs in its turn, as LangSmith's does."""

    run_inline = True


class Handler(AsyncCallbackHandler):
    """An asynchronous handler."""

    def __init__(self) -> None:
        self.told = ""

    async def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Tell all."""
        self.told += f"{serialized} {kwargs}"

    async def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Tell all."""
        self.told += f"{error!r} {vars(error)} {kwargs}"


def bound(model: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return a model with arguments of its own."""
    return model.bind(extra_headers={"X-Auth": KEY})


MODELS: dict[str, Runnable[Any, Any]] = {
    "model": Refusing(),
    "bound": bound(Refusing()),
    "chain": RunnableLambda(lambda messages: messages) | bound(Refusing()),
    "retry": Refusing().with_retry(stop_after_attempt=2, wait_exponential_jitter=False),
    "fallback": bound(Refusing()).with_fallbacks([bound(Refusing())]),
}


def callbacks(kind: str, handlers: list[BaseCallbackHandler]) -> Any:
    """Return handlers as a config may hold them."""
    if kind == "list":
        return handlers
    manager = AsyncCallbackManager if kind == "async" else CallbackManager
    return manager(handlers=list(handlers), inheritable_handlers=list(handlers))


@pytest.mark.parametrize("round_", range(4))
@pytest.mark.parametrize("kind", ["list", "sync", "async"])
@pytest.mark.parametrize("name", MODELS)
def test_tracers_are_told_no_key(name: str, kind: str, round_: int) -> None:
    """Whatever the model, the kind of handler and of its manager, in either world: the key reaches none."""
    seen: list[Any] = [Tracer(), InlineTracer(), Handler(), Tracer(), InlineTracer()]
    config = RunnableConfig(callbacks=callbacks(kind, seen))

    async def ask() -> None:
        token = var_child_runnable_config.set(ensure_config(config))
        with pytest.raises(Refused), guarding(config, secrets) as safe:
            await MODELS[name].ainvoke([HumanMessage("Why?")], safe)
        var_child_runnable_config.reset(token)

    asyncio.run(ask())
    if kind != "async":
        with pytest.raises(Refused) as caught, guarding(config, secrets) as safe:
            MODELS[name].invoke([HumanMessage("Why?")], safe)
        assert KEY not in f"{caught.value!r} {caught.value.body}"
    for handler in seen:
        assert MASK in handler.told
        assert KEY not in handler.told


def test_a_config_is_not_changed() -> None:
    """The guard stands first in a copy of the callbacks, for the call and for what it calls."""
    tracer = Tracer()
    manager = AsyncCallbackManager(handlers=[tracer], inheritable_handlers=[tracer])
    cases: list[Any] = [None, [], [tracer], manager]
    for given in cases:
        config = RunnableConfig(callbacks=given, tags=["a"])
        safe = guarded(config, secrets)
        assert safe["tags"] == ["a"]
        made: Any = safe["callbacks"]
        lists = [made] if isinstance(made, list) else [made.handlers, made.inheritable_handlers]
        for handlers in lists:
            assert isinstance(handlers[0], SecretGuard)
            assert handlers[1:] == ([tracer] if given else [])
        assert config["callbacks"] is given
    assert manager.handlers == manager.inheritable_handlers == [tracer]
    assert isinstance(guarded({}, secrets)["callbacks"], list)


def test_a_guarded_config_is_in_force_for_the_block_alone() -> None:
    """What is called within takes the guard along; behind it, all is as before."""
    before = var_child_runnable_config.get()
    with guarding({}, secrets) as safe:
        assert ensure_config()["callbacks"] == safe["callbacks"]
    assert var_child_runnable_config.get() is before


def test_arguments_in_use_are_not_masked() -> None:
    """Only what handlers are shown is masked: the request still carries its headers, in every call."""
    sent: list[Any] = []

    class Recording(Refusing):
        def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
            sent.append((kwargs["extra_headers"], dict(self.sends)))
            return ChatResult(generations=[ChatGeneration(message=AIMessage("ok"))])

    tracer = Tracer()
    model = bound(Recording())
    for _ in range(2):
        model.invoke("Why?", guarded({"callbacks": [tracer]}, secrets))
    assert sent == [({"X-Auth": KEY}, {"x": KEY})] * 2
    assert KEY not in tracer.told
    assert "'temperature': 0" in tracer.told


@tool
def look_up(word: str) -> str:
    """Look up a word."""
    raise Refused


class Shelf(BaseRetriever):
    """A retriever that fails."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        raise Refused


def failing(_: object) -> str:
    """Fail."""
    raise Refused


@pytest.mark.parametrize("step", [look_up, Shelf(), RunnableLambda(failing)], ids=["tool", "retriever", "function"])
def test_other_steps_are_guarded_too(step: Runnable[Any, Any]) -> None:
    """An error that leaves a tool, a retriever or a function is masked as one of a model is."""
    tracer = Tracer()
    with pytest.raises(Refused, match=r"the gateway was sent \*+, and"):
        step.invoke("word", guarded({"callbacks": [tracer]}, secrets))
    assert MASK in tracer.told
    assert KEY not in tracer.told


def test_a_retry_is_guarded() -> None:
    """What a call is made again for is masked before it is noted."""
    error = Refused()
    state = RetryCallState(Retrying(), None, (), {})
    guard = SecretGuard(secrets)
    guard.on_retry(state)
    outcome = Future(1)
    outcome.set_exception(error)
    state.outcome = outcome
    guard.on_retry(state)
    assert KEY not in str(error)


def test_a_result_without_a_message_passes() -> None:
    """A result that holds nothing of a provider's body is left as it is."""
    result = LLMResult(generations=[[]])
    SecretGuard(secrets).on_llm_error(Refused(), response=result)
    SecretGuard(secrets).on_llm_error(Refused(), response=None)
    SecretGuard(secrets).on_chat_model_start({}, [])
    assert result == LLMResult(generations=[[]])


def test_keys_are_asked_for_only_when_they_may_be_shown() -> None:
    """A call that goes well does not search the model for keys."""
    asked: list[int] = []

    def count() -> Iterator[str]:
        asked.append(1)
        yield KEY

    RunnableLambda(str).invoke(1, guarded({}, count))
    assert asked == []
    with pytest.raises(Refused):
        RunnableLambda(failing).invoke(1, guarded({}, count))
    assert asked
