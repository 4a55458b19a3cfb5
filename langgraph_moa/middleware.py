"""`MoAMiddleware`: advisers for an agent that stays what it is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from langgraph_moa.answering import ADVICE, AnswerOptions, Fanout, answering, references_of_turn
from langgraph_moa.checks import choice
from langgraph_moa.errors import QuorumError
from langgraph_moa.graph import create_advisers
from langgraph_moa.histories import split_turn
from langgraph_moa.mixture import Mixture, model_label
from langgraph_moa.prompts import instructions_for, with_references
from langgraph_moa.proposal import Failure, Place, skipped
from langgraph_moa.state import LayerRecord, last_references
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
    gets `"moa_advice"`, the summary of the layers' run.

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

    def wrap_model_call(self, request: Request, handler: Callable[[Request], Response]) -> Response:
        """Ask the proposers where this turn has not, and call the model with their answers."""
        advice = self._known(request)
        if advice is None:
            try:
                with answering(self._mixture, _options(request)):
                    advice = self._advice(self._graph.invoke({"messages": _conversation(request)}))
            except QuorumError as error:
                self._go_on(error)
        return handler(request) if advice is None else advice.noted(handler(self._advised(request, advice)))

    async def awrap_model_call(self, request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        """Ask the proposers where this turn has not, and call the model with their answers."""
        advice = self._known(request)
        if advice is None:
            try:
                with answering(self._mixture, _options(request)):
                    advice = self._advice(await self._graph.ainvoke({"messages": _conversation(request)}))
            except QuorumError as error:
                self._go_on(error)
        return await handler(request) if advice is None else advice.noted(await handler(self._advised(request, advice)))

    def _known(self, request: Request) -> _Advice | None:
        """Return what the proposers have said in this turn, if they were asked."""
        kept = references_of_turn(request.messages, self._mixture.name, key=ADVICE)
        return None if kept is None or self._fanout == "every_call" else _Advice(kept, None)

    def _advice(self, output: Mapping[str, Any]) -> _Advice:
        layers: dict[str, LayerRecord] = output["layers"]
        mixture = self._mixture
        nobody = Failure(kind="Middleware", message="the agent's own model aggregates")
        aggregator = skipped(Place(mixture.depth, 0, "aggregator"), model_label(mixture.merger.model), nobody)
        summary = summarize(mixture.name, layers, aggregator, prices=mixture.prices or packaged_prices())
        return _Advice(last_references(layers, seed=mixture.shuffle_seed), summary)

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

    def _go_on(self, error: QuorumError) -> None:
        if self._on_failure == "raise":
            raise error
        logger.warning("%s: the agent's model is called without advice. %s", self._mixture.name, error)


class _Advice(NamedTuple):
    """What proposers have said in a turn."""

    references: tuple[str, ...]
    summary: MoASummary | None
    """Of the run that asked them; `None`: an earlier step of the turn has it."""

    def noted(self, response: Response) -> Response:
        """Note it in the model's message: what it took, and what the next step of the turn reads again."""
        if self.summary is None:
            return response
        return replace(response, result=[self._noted(message) for message in response.result])

    def _noted(self, message: BaseMessage) -> BaseMessage:
        if not isinstance(message, AIMessage) or self.summary is None:
            return message
        advice = {**self.summary, "references": list(self.references)} if message.tool_calls else self.summary
        return message.model_copy(update={"response_metadata": {**message.response_metadata, ADVICE: advice}})


def _conversation(request: Request) -> list[BaseMessage]:
    return [*([] if request.system_message is None else [request.system_message]), *request.messages]


def _options(request: Request) -> AnswerOptions:
    """Return the tools that the agent has, so that its advisers can be told of them."""
    return AnswerOptions(arguments={"tools": [_written(tool) for tool in request.tools]})


def _written(tool: BaseTool | dict[str, Any]) -> dict[str, Any]:
    return tool if isinstance(tool, dict) else convert_to_openai_tool(tool)
