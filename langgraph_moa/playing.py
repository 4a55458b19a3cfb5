"""Plays what a tape holds of a request in place of the request, and writes down the requests that are made."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from pydantic import SkipValidation

from langgraph_moa.configs import merged
from langgraph_moa.ledger import Ledger
from langgraph_moa.listeners import FirstToken, seconds_to_first_token
from langgraph_moa.models import ReadyModel
from langgraph_moa.proposal import CallRecord, Failure, as_usage_metadata, reported_usage
from langgraph_moa.recording import Tape, current_tape, is_replaying, taping
from langgraph_moa.replies import Reply
from langgraph_moa.schemas import AnswerSchema
from langgraph_moa.tape import (
    Address,
    Outcome,
    Take,
    played_answer,
    request_key,
    taken_answer,
    told_by_callbacks,
)
from langgraph_moa.waiting import DeadlineExceeded, QuorumReached

Mark = Callable[[], RunnableConfig]
_SHORT = 12
"""Characters of a key that an error shows."""
_TOLERANCE = 0.005
"""Seconds by which a timer may be early."""


class PlayedError(Exception):
    """A failure from a tape; its class has the name of the recorded one."""


class Scene:
    """One model asked one request by a seat, perhaps several times, and the tape that hears it, if any does."""

    def __init__(
        self,
        model: ReadyModel,
        request: Sequence[BaseMessage],
        config: RunnableConfig,
        ledger: Ledger,
        *,
        arguments: Mapping[str, Any],
        schema: AnswerSchema | None,
    ) -> None:
        self._tape: Tape | None = current_tape()
        self._model = model
        self._request = request
        self._seat = seat_of(config)
        self._ledger = ledger
        self._arguments = arguments
        self._schema = schema
        self._clock: FirstToken | None = None
        self._begun_at = 0.0
        self._settled = len(ledger.calls)
        self._nested: Take | None = None

    @cached_property
    def _address(self) -> Address:
        identity = dict(self._model.identity())
        if not self._model.is_interchangeable:
            identity["seat"] = self._seat
        schema = None if self._schema is None else self._schema.json_schema
        return Address(request_key(identity, self._request, self._arguments, schema), self._seat)

    def find(self) -> Take | None:
        """Return what is to be played; `None`: the request is to be made."""
        if self._tape is None or (self._model.makes_own_requests and self._tape.mode != "replay"):
            return None
        found = self._tape.find(self._address)
        if self._model.makes_own_requests:
            self._nested = found
            return found if found is not None and found["outcome"] == "interrupted" else None
        return self._lacking(self._tape) if found is None and is_replaying() else found

    def _lacking(self, tape: Tape) -> Take:
        label = self._model.label
        request = f"request {self._address.key[:_SHORT]} of {self._seat or 'no graph'}"
        message = (
            f"{label}: {request} is not on {str(tape.path)!r}, which holds {tape.count(label)} of this model. "
            "Record it with mode='reuse', or replay the mixture and the questions that were recorded"
        )
        failure = Failure(kind="NotRecorded", message=message)
        return Take(model=label, outcome="failure", clock=self._ledger.stop(), failure=failure, again=False, call={})

    @contextmanager
    def hearing(self) -> Iterator[RunnableConfig]:
        """Give the callbacks that a tape needs, and keep from it what a model asks that it hears as a whole."""
        if self._tape is None:
            yield {}
            return
        self._settled = len(self._ledger.calls)
        self._begun_at, self._clock = self._ledger.elapsed, FirstToken(_say_nothing)
        with taping(self._tape if self._model.makes_own_requests else None):
            yield {"callbacks": [self._clock]}

    def keep(self, *, again: bool) -> None:
        """Write down what came of a request.

        Args:
            again: Whether the same model is asked once more, since it failed in passing.
        """
        ledger = self._ledger
        if self._tape is None or (ledger.message is None and ledger.failure is None):
            return
        if self._model.makes_own_requests:
            self._keep_clock(self._tape)
            return
        take = self._take("answer" if ledger.failure is None else "failure")
        take["call"] = told_by_callbacks(ledger.calls[-1])
        if ledger.failure is not None:
            take |= {"failure": ledger.failure.copy(), "again": again}
        elif ledger.message is not None:
            take |= {"message": taken_answer(ledger.message, self._model.secrets()), "first_token": self._first_token}
        self._tape.keep(self._address, take)

    def interrupt(self, seconds: float, *, by_quorum: bool) -> None:
        """Write down that a request was cut off, if a deadline or a quorum did it.

        Args:
            seconds: That the seat had.
            by_quorum: Whether the layer went on without it.
        """
        clock = self._ledger.stop()
        is_late = clock["elapsed"] >= seconds - _TOLERANCE
        if self._tape is None or is_replaying() or not (by_quorum or is_late):
            return
        take = self._take("interrupted")
        kind = (QuorumReached if by_quorum else DeadlineExceeded).__name__
        take |= {"failure": Failure(kind=kind, message=""), "allowed": seconds}
        if len(self._ledger.calls) > self._settled:
            take["call"] = told_by_callbacks(self._ledger.calls[-1])
        self._tape.keep(self._address, take)

    async def play(self, take: Take, config: RunnableConfig, mark: Mark) -> float | None:
        """Give what a tape holds, as if it came now; return 0 where the same model is asked again, or else `None`.

        Args:
            take: As `find` returned it.
            config: For traces and streams: they are told of a chat model that answers at once, or fails.
            mark: Gives what marks the request in traces, once it is counted.

        Raises:
            DeadlineExceeded: The time was over.
            QuorumReached: The layer had gone on without it.
        """
        if "call" in take:
            await self._play_request(take, config, mark)
        self._ledger.stop(take["clock"])
        self._settled = len(self._ledger.calls)
        if take["outcome"] == "interrupted":
            is_late = take["failure"]["kind"] == DeadlineExceeded.__name__
            raise DeadlineExceeded(take["allowed"]) if is_late else QuorumReached
        return 0.0 if take.get("again") else None

    async def _play_request(self, take: Take, config: RunnableConfig, mark: Mark) -> None:
        record = self._ledger.open(self._model.label)
        noted = merged(config, mark())
        failure, written = take.get("failure"), take.get("message")
        message = None if written is None else played_answer(written)
        model = PlayedChatModel(model=take["model"], message=_with_tokens(message, take["call"]), failure=failure)
        token = seconds_to_first_token.set(take.get("first_token"))
        try:
            await model.ainvoke(list(self._request), noted)
        except PlayedError:
            pass  # it is told as data below
        finally:
            seconds_to_first_token.reset(token)
        if message is not None:
            self._ledger.answer(record, Reply(message, None))
        elif failure is not None and take["outcome"] == "failure":
            self._ledger.failed(record, failure)
        _restore(record, take["call"])

    def _keep_clock(self, tape: Tape) -> None:
        """Write down how long a mixture took, whose requests are kept each; in a replay, tell what was written."""
        if not is_replaying():
            tape.keep(self._address, self._take("nested"))
            return
        self._ledger.calls[-1]["recorded"] = True
        if self._nested is not None:
            self._ledger.stop(self._nested["clock"])

    def _take(self, outcome: Outcome) -> Take:
        return Take(model=self._model.label, outcome=outcome, clock=self._ledger.stop())

    @property
    def _first_token(self) -> float | None:
        seconds = None if self._clock is None else self._clock.seconds
        return None if seconds is None else self._begun_at + seconds


class PlayedChatModel(BaseChatModel):
    """Gives an answer from a tape, in one piece where it streams, or fails as the tape says."""

    model: str
    """What the recipe calls it."""
    message: SkipValidation[AIMessage | None] = None
    failure: SkipValidation[Failure | None] = None
    cache: bool = False

    @property
    def _llm_type(self) -> str:
        return "played"

    def _get_ls_params(self, stop: list[str] | None = None, **_: Any) -> LangSmithParams:  # noqa: ANN401, ARG002
        provider, name = self.model.partition(":")[::2]
        return LangSmithParams(ls_provider=provider, ls_model_name=name or provider, ls_model_type="chat")

    def _generate(
        self,
        messages: list[BaseMessage],  # noqa: ARG002 - the signature is BaseChatModel's
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer())])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **_: Any,  # noqa: ANN401
    ) -> ChatResult:
        return self._generate(messages, stop)

    async def _astream(
        self,
        messages: list[BaseMessage],  # noqa: ARG002
        stop: list[str] | None = None,  # noqa: ARG002
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,  # noqa: ANN401
    ) -> AsyncIterator[ChatGenerationChunk]:
        chunk = ChatGenerationChunk(message=as_one_chunk(self._answer()))
        if run_manager is not None:
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
        yield chunk

    def _answer(self) -> AIMessage:
        if self.message is not None:
            return self.message
        failure = self.failure or Failure(kind="CancelledError", message="")
        kind: type[PlayedError] = type(failure["kind"], (PlayedError,), {})
        raise kind(failure["message"])


def as_one_chunk(message: AIMessage) -> AIMessageChunk:
    """Return a message as the only chunk of a stream."""
    calls = [(call["name"], json.dumps(call["args"]), call["id"]) for call in message.tool_calls]
    calls += [(call["name"] or "", call["args"] or "", call["id"]) for call in message.invalid_tool_calls]
    return AIMessageChunk(
        content=message.content,
        additional_kwargs={name: value for name, value in message.additional_kwargs.items() if name != "tool_calls"},
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        id=message.id,
        tool_call_chunks=[
            tool_call_chunk(name=name, args=arguments, id=identifier, index=index)
            for index, (name, arguments, identifier) in enumerate(calls)
        ],
        chunk_position="last",
    )


def seat_of(config: RunnableConfig) -> str:
    """Return where in a graph a request is made, without the ids that differ from run to run."""
    namespace = (config.get("configurable") or {}).get("checkpoint_ns") or ""
    return "|".join(part.partition(":")[0] for part in str(namespace).split("|"))


def _with_tokens(message: AIMessage | None, call: Mapping[str, Any]) -> AIMessage | None:
    """Return an answer that tells the tokens of all calls that were made for it, as those of an agent."""
    if message is None or reported_usage(message) == call.get("usage"):
        return message
    return message.model_copy(update={"usage_metadata": as_usage_metadata(call.get("usage"))})


def _restore(record: CallRecord, told: Mapping[str, Any]) -> None:
    """Give a call's record what its callbacks had told, and the mark of a tape."""
    fields: dict[str, Any] = {**told, "recorded": True}
    record.update(fields)  # type: ignore[typeddict-item]  # names of its fields, which a tape has checked


async def _say_nothing() -> None:
    """Tell nobody of a first token."""
