"""`MoAMiddleware`: advisers for an agent that stays what it is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, cast

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from langgraph_moa.answering import ADVICE, AnswerOptions, Fanout, advice_of_turn, answering
from langgraph_moa.checks import choice
from langgraph_moa.errors import QuorumError
from langgraph_moa.graph import create_advisers
from langgraph_moa.histories import split_turn
from langgraph_moa.mixture import Mixture
from langgraph_moa.prompts import instructions_for, with_references
from langgraph_moa.proposal import Failure, Place, Proposal, skipped
from langgraph_moa.state import LayerRecord, last_references, records_of
from langgraph_moa.summary import MoASummary, summarize
from langgraph_moa.usage import packaged_prices

OnFailure = Literal["raise", "unadvised"]
Request = ModelRequest[Any]
Response = ModelResponse[Any]
logger = logging.getLogger(__name__)


class MoAMiddleware(AgentMiddleware[Any, Any, Any]):
    """Lets the proposers of a mixture advise an agent: its own model reads their answers as references, and acts.

    ```python
    create_agent("openai:gpt-5", tools=[search], middleware=[MoAMiddleware(mixture)])
    ```

    The mixture's layers are run once for each turn of the user; in the further steps of a tool loop the same references
    stand where they stood. The agent's model is the aggregator: the mixture's own is not asked. Its `response_metadata`
    gets `"moa_advice"`: by the mixture's name, the summary of the layers' run.

    A middleware that calls the model again, such as one that retries, stands behind this one in the list: in front of
    it, the proposers are asked again too.

    Args:
        mixture: The recipe.
        fanout: `"user_turn"`, or `"every_call"` to ask the proposers before every call of the agent's model.
        on_failure: When fewer proposers answer than the quorum: raise `QuorumError`, or call the model `"unadvised"`,
            with a warning in the log.
        stream_proposals: As in `create_moa`.

    Raises:
        ConfigurationError: `mixture` is no `Mixture`, or an option is not one of these words.
    """

    def __init__(
        self,
        mixture: Mixture,
        *,
        fanout: Fanout = "user_turn",
        on_failure: OnFailure = "raise",
        stream_proposals: bool = False,
    ) -> None:
        super().__init__()
        choice("MoAMiddleware.fanout", fanout, ("user_turn", "every_call"))
        choice("MoAMiddleware.on_failure", on_failure, ("raise", "unadvised"))
        self._graph = create_advisers(mixture, stream_proposals=stream_proposals)
        self._mixture = mixture
        self._fanout = fanout
        self._on_failure = on_failure

    @property
    def name(self) -> str:
        """Of the middleware: an agent takes several whose mixtures have names of their own."""
        return f"{type(self).__name__}.{self._mixture.name}"

    def wrap_model_call(self, request: Request, handler: Callable[[Request], Response]) -> Response:
        """Ask the proposers where this turn has not, and call the model with their answers."""
        advice = self._known(request)
        if advice is None:
            try:
                with answering(self._mixture, _options(request)):
                    advice = self._advice(self._graph.invoke({"messages": _conversation(request)}))
            except QuorumError as error:
                advice = self._none(error)
        return advice.noted(handler(self._advised(request, advice)))

    async def awrap_model_call(self, request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        """Ask the proposers where this turn has not, and call the model with their answers."""
        advice = self._known(request)
        if advice is None:
            try:
                with answering(self._mixture, _options(request)):
                    advice = self._advice(await self._graph.ainvoke({"messages": _conversation(request)}))
            except QuorumError as error:
                advice = self._none(error)
        return advice.noted(await handler(self._advised(request, advice)))

    def _known(self, request: Request) -> _Advice | None:
        """Return what the proposers have said in this turn, if they were asked."""
        mixture = self._mixture
        kept = advice_of_turn(request.messages, mixture.name, mixture.fingerprint)
        return None if kept is None or self._fanout == "every_call" else _Advice(mixture, kept, None)

    def _advice(self, output: Mapping[str, Any]) -> _Advice:
        layers: dict[str, LayerRecord] = output["layers"]
        return _Advice(self._mixture, last_references(layers, seed=self._mixture.shuffle_seed), layers)

    def _none(self, error: QuorumError) -> _Advice:
        """Go on without advice, for the rest of the turn.

        Raises:
            QuorumError: Where the agent is to stop.
        """
        if self._on_failure == "raise":
            raise error
        logger.warning("%s: the agent's model is called without advice. %s", self._mixture.name, error)
        return _Advice(self._mixture, (), records_of(cast("list[Proposal]", error.proposals)))

    def _advised(self, request: Request, advice: _Advice) -> Request:
        """Return the request with references behind what the user said last, or in the system message."""
        turn, steps = split_turn(_conversation(request))
        shown = with_references(
            turn,
            advice.references,
            instructions=instructions_for(self._mixture.merger.prompt, has_tools=bool(request.tools)),
            placement=self._mixture.reference_placement,
        )
        first, *others = shown
        system = first if isinstance(first, SystemMessage) else None
        messages: list[Any] = [*(shown if system is None else others), *steps]
        return request.override(system_message=system, messages=messages)


class _Advice(NamedTuple):
    """What proposers have said in a turn."""

    mixture: Mixture
    references: tuple[str, ...]
    layers: dict[str, LayerRecord] | None
    """Of the run that asked them; `None`: an earlier step of the turn tells of it."""

    def noted(self, response: Response) -> Response:
        """Note it in the model's message: what it took, and what the next step of the turn reads again."""
        return replace(response, result=[self._noted(message) for message in response.result])

    def _noted(self, message: BaseMessage) -> BaseMessage:
        if not isinstance(message, AIMessage) or not (self.layers or message.tool_calls):
            return message
        note: dict[str, Any] = {"mixture": self.mixture.name, "recipe": self.mixture.fingerprint}
        if self.layers is not None:
            note |= self._summary(self.layers)
        if message.tool_calls:
            note["references"] = list(self.references)
        notes = {**message.response_metadata.get(ADVICE, {}), self.mixture.name: note}
        return message.model_copy(update={"response_metadata": {**message.response_metadata, ADVICE: notes}})

    def _summary(self, layers: dict[str, LayerRecord]) -> MoASummary:
        nobody = Failure(kind="Middleware", message="the agent's own model aggregates")
        label = self.mixture.merger.label
        aggregator = skipped(Place(self.mixture.depth, 0, "aggregator"), label, nobody)
        return summarize(self.mixture.name, layers, aggregator, prices=self.mixture.prices or packaged_prices())


def _conversation(request: Request) -> list[BaseMessage]:
    return [*([] if request.system_message is None else [request.system_message]), *request.messages]


def _options(request: Request) -> AnswerOptions:
    """Return the tools that the agent has, so that its advisers can be told of them."""
    return AnswerOptions(arguments={"tools": [_written(tool) for tool in request.tools]})


def _written(tool: BaseTool | dict[str, Any]) -> dict[str, Any]:
    return tool if isinstance(tool, dict) else convert_to_openai_tool(tool)
