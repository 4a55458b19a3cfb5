"""`ChatMoA`: a mixture that goes wherever LangChain takes a chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation, ValidationError

from langgraph_moa.answering import AnswerOptions, Fanout, proposed_in_turn, references_of_turn, told_in_turn
from langgraph_moa.chat_call import ChatCall
from langgraph_moa.chat_recipe import recipe_of, with_parameters
from langgraph_moa.chat_runs import below, ended_when_cancelled, is_users_listener, message_id, own_chunk, result
from langgraph_moa.checks import choice, known_keys
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.graph import create_aggregation, create_moa
from langgraph_moa.handing import HANDED, HandingChatModel, handed_on, handing
from langgraph_moa.mixture import Aggregator, Mixture, Model, Proposer
from langgraph_moa.panel_tool import panel_tool
from langgraph_moa.presets import load_preset
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.structured_chat import structured, structured_with_raw
from langgraph_moa.validation import configuration_error

_RECIPE = ("mixture", "proposers", "aggregator", "depth")
"""Fields that are written as one recipe."""
_NO_RECIPE = dict.fromkeys((*_RECIPE, "model"))


class Graphs(dict[tuple[str | None, bool], MoAGraph]):
    """The compiled graphs of a chat model, by preset and by whether they hold the aggregator alone; a copy is empty."""

    def __reduce__(self) -> tuple[type[Graphs], tuple[()]]:
        return Graphs, ()


class ChatMoA(HandingChatModel):
    """A mixture as a chat model.

    ```python
    ChatMoA(mixture=mixture)
    ChatMoA(model="together-2026")  # a preset
    ChatMoA(proposers=["openai:gpt-5-mini", "openai:gpt-5-nano"], aggregator="openai:gpt-5", depth=3)
    ```

    It is invoked, streamed and batched as every chat model, and has `bind_tools` and `with_structured_output`. Tools
    and all other arguments of a call are for the aggregator alone: proposers advise, and see earlier calls as text.

    `usage_metadata` of an answer is the sum of all calls; callbacks and traces hear of every call itself, and of none
    twice. `response_metadata["moa"]` is the summary of the run: see `langgraph_moa.summary.MoASummary`. The models in
    the slots use LangChain's cache, each for itself; the mixture's own answer is not cached.

    Raises:
        ConfigurationError: On construction, when the recipe is wrong, or none is given, or several are.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    mixture: SkipValidation[Mixture | Mapping[str, Any] | None] = None
    """The recipe, or its written form as `Mixture.to_dict` gives it."""
    model: str | None = None
    """Name of a preset, instead of a recipe; see `list_presets()`."""
    proposers: SkipValidation[Sequence[Proposer | Model] | None] = None
    """Of each layer, instead of a recipe; goes with `aggregator`."""
    aggregator: SkipValidation[Aggregator | Model | None] = None
    depth: int | None = None
    """Stages of model calls where `proposers` are given, the aggregator included; `None`: 2."""
    stream_proposals: bool = False
    """Whether proposers stream too: their tokens then come as messages and events of their own, each tagged
    `moa:layer:<number>` and `moa:proposer:<slot>`. The chunks of `stream` are always those of the answer alone."""
    streaming: bool | None = None
    """Whether callbacks hear the tokens of the answer one by one also when it is not streamed to the caller."""
    fanout: Fanout = "user_turn"
    """When proposers are asked: once for each turn of the user, however many tools are called in it, or in every call.
    """
    temperature: float | None = None
    """Of the aggregator, as are the following; `None` leaves what the recipe says."""
    max_tokens: int | None = None
    timeout: float | None = None
    """Seconds."""
    max_retries: int | None = None
    """Only for an aggregator that is named by a string; an object has its own."""
    stop: list[str] | None = None
    """Sequences that end the answer."""
    cache: SkipValidation[Any] = Field(default=False, exclude=True)

    _recipe: Mixture = PrivateAttr()
    _presets: dict[str, Mixture] = PrivateAttr()
    _graphs: Graphs = PrivateAttr()

    if not TYPE_CHECKING:  # for a type checker, the fields are the parameters

        def __init__(self, **given: Any) -> None:
            try:
                super().__init__(**given)
            except ValidationError as wrong:
                raise configuration_error(type(self), wrong) from None

    def model_post_init(self, _: Any, /) -> None:
        """Build the recipe, so that a wrong one is told at once."""
        choice("ChatMoA.fanout", self.fanout, ("user_turn", "every_call"))
        self._recipe = self._with_own_parameters(self._given())
        self._presets, self._graphs = {}, Graphs()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).model_fields:
            super().__setattr__(name, value)
            return
        before = getattr(self, name)
        super().__setattr__(name, value)
        try:
            self.model_post_init(None)
        except ConfigurationError:
            super().__setattr__(name, before)
            raise

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy that is run as its own fields say."""
        copied = super().model_copy(update=update, deep=deep)
        copied.model_post_init(None)
        return copied

    def __repr_args__(self) -> Any:
        """Show the recipe as it shows itself: model objects may show their keys."""
        yield from ((name, value) for name, value in super().__repr_args__() if name not in _RECIPE)
        if self.model is None:
            yield "mixture", self._recipe

    def _repr_html_(self) -> str:
        """Draw the recipe in a notebook."""
        return self._recipe._repr_html_()

    @property
    def recipe(self) -> Mixture:
        """The mixture that is run."""
        return self._recipe

    def _given(self) -> Mixture:
        return recipe_of(self.mixture, self.model, self.proposers, self.aggregator, self.depth)

    def _with_own_parameters(self, mixture: Mixture) -> Mixture:
        return with_parameters(
            mixture,
            max_retries=self.max_retries,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            timeout=self.timeout,
        )

    # --- LangChain's chat model

    @property
    def _llm_type(self) -> str:
        return "langgraph-moa"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"mixture": self._recipe.name, "model": self.model, "fanout": self.fanout}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        name = kwargs.get("model") or self.model or self._recipe.name
        return LangSmithParams(**{**params, "ls_provider": "langgraph_moa", "ls_model_name": name})

    def _should_stream(self, *, run_manager: Any = None, **kwargs: Any) -> bool:
        """Say no where there is a run: `_generate` tells its tokens itself, and `_stream` would not know the run."""
        return run_manager is None and super()._should_stream(run_manager=None, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs, below(run_manager))
        if run_manager is None or not super()._should_stream(async_api=False, run_manager=run_manager, **kwargs):
            return result(call.invoke(), run_manager)
        answer = AIMessageChunk(content="")
        for chunk in call.stream():
            chunk.message.id = message_id(run_manager)
            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            answer += own_chunk(chunk)
        return result(message_chunk_to_message(answer), run_manager)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs, below(run_manager))
        async with ended_when_cancelled(run_manager):
            return await self._answered(call, run_manager, **kwargs)

    async def _answered(
        self, call: ChatCall, run_manager: AsyncCallbackManagerForLLMRun | None, **kwargs: Any
    ) -> ChatResult:
        if run_manager is None or not super()._should_stream(async_api=True, run_manager=run_manager, **kwargs):
            return result(await call.ainvoke(), run_manager)
        answer = AIMessageChunk(content="")
        async for chunk in call.astream():
            chunk.message.id = message_id(run_manager)
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            answer += own_chunk(chunk)
        return result(message_chunk_to_message(answer), run_manager)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._call(messages, stop, kwargs, below(run_manager) or handed_on(kwargs).callbacks).stream()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs, below(run_manager) or handed_on(kwargs).callbacks)
        chunks, opened = call.astream(), handed_on(kwargs).opened
        if opened is not None:
            opened.push_async_callback(chunks.aclose)
        async with aclosing(chunks) if opened is None else nullcontext():
            async for chunk in chunks:
                yield chunk

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Give the aggregator tools; proposers are told of them, and cannot call them.

        Args:
            tools: In any form that LangChain takes; a table is passed on as it is.
            tool_choice: As the aggregator's own `bind_tools` takes it.
            kwargs: Further arguments for that method, such as `strict` and `parallel_tool_calls`.
        """
        written = [tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in tools]
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=written, **chosen, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        merge_fields: bool = False,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return what answers in a schema: the aggregator is asked in it, by its own provider's method.

        An answer that does not fit is shown to the model once, with what is wrong with it; if the next one does not
        fit either, `StructuredOutputError` holds its text.

        Args:
            schema: A Pydantic class, a `TypedDict`, a dataclass, or a JSON schema with a title.
            include_raw: Whether to give `raw`, `parsed` and `parsing_error` instead of the value.
            merge_fields: Whether proposers answer in the schema too, and the aggregator decides field by field. The
                raw message's `response_metadata["moa"]["fields"]` then says who supports each field.
            kwargs: `method` and `strict` are taken from callers that set them, and without effect: each provider's own
                default is used, and every answer is checked.

        Raises:
            ConfigurationError: The schema is none, or there is another argument.
        """
        known_keys("ChatMoA.with_structured_output", kwargs, ("method", "strict"))
        wanted = AnswerSchema.of(schema)
        merging = {**_NO_RECIPE, "mixture": replace(self._recipe, answer_schema=schema)}
        model = self.model_copy(update=merging) if merge_fields else self
        traced = {"kwargs": {"method": "moa"}, "schema": schema}
        bound = model.bind(**handing({"ls_structured_output_format": traced}, schema=wanted))
        return structured_with_raw(bound, wanted) if include_raw else structured(bound, wanted)

    def as_tool(
        self,
        args_schema: type[BaseModel] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        arg_types: dict[str, type] | None = None,
    ) -> BaseTool:
        """Return a tool that takes a question and gives the answer. See `MoAGraph.as_tool`."""
        if args_schema is not None or arg_types is not None:
            return super().as_tool(args_schema, name=name, description=description, arg_types=arg_types)
        conversation = RunnableLambda(itemgetter("messages")) | self | RunnableLambda(lambda said: {"messages": [said]})
        return panel_tool(conversation, name=name or f"ask_{self._recipe.name}", description=description)

    def get_num_tokens(self, text: str) -> int:
        """Return an estimate: the models in the slots count each in its own way."""
        return count_tokens_approximately([text])

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return an estimate, as `get_num_tokens` does."""
        return count_tokens_approximately(messages, tools=None if tools is None else list(tools))

    # --- how it is run

    def _call(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        kwargs: Mapping[str, Any],
        callbacks: BaseCallbackManager | None,
    ) -> ChatCall:
        """Return what is asked, of which graph: in a turn that goes on, of the aggregator alone."""
        arguments = {**kwargs, "stop": stop or self.stop}
        handed = handed_on(arguments)
        arguments.pop(HANDED, None)
        preset = arguments.pop("model", None)
        recipe = self._recipe_of(preset)
        references = references_of_turn(messages, recipe.fingerprint) if self.fanout == "user_turn" else None
        proposed = () if references is None else proposed_in_turn(messages, recipe.fingerprint)
        told = {} if references is None else told_in_turn(messages, recipe.fingerprint)
        options = AnswerOptions(arguments, handed.schema, references=references, proposed=proposed, told=told)
        if self.stream_proposals and callbacks is not None:
            place = {name: value for name, value in callbacks.metadata.items() if name.startswith("langgraph_")}
            listeners = [handler for handler in callbacks.inheritable_handlers if is_users_listener(handler)]
            options = replace(options, listeners=listeners, place=place)
        graph = self._graph(preset, recipe, advised=references is not None)
        return ChatCall(
            graph,
            recipe,
            messages,
            options,
            callbacks,
            configurable=handed.config.get("configurable", {}),
            max_concurrency=handed.config.get("max_concurrency"),
        )

    def _recipe_of(self, preset: str | None) -> Mixture:
        if preset is None:
            return self._recipe
        known = self._presets.get(preset)
        return known or self._presets.setdefault(preset, self._with_own_parameters(load_preset(preset)))

    def _graph(self, preset: str | None, recipe: Mixture, *, advised: bool) -> MoAGraph:
        key = (preset, advised)
        if key not in self._graphs:
            build = create_aggregation if advised else partial(create_moa, stream_proposals=self.stream_proposals)
            self._graphs.setdefault(key, build(recipe))
        return self._graphs[key]

    # --- how it is written

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Say that `langchain_core.load.dumpd` can write it, where its models are strings. Secrets are left out."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return the module that it is loaded from."""
        return ["langgraph_moa", "chat_model"]

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """Write what it was made of, recipes as tables. A recipe with model objects has no written form."""
        try:
            recipe = self._given().to_dict()
        except ConfigurationError:
            return self.to_json_not_implemented()
        written = super().to_json()
        if written["type"] == "constructor" and self.model is None:
            others = {name: value for name, value in written["kwargs"].items() if name not in _RECIPE}
            written["kwargs"] = {**others, "mixture": recipe}
        return written
