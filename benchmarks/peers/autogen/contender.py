"""The mixture of agents of AutoGen's design patterns, written anew: workers and an orchestrator that sends to them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from autogen_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from autogen_core.models import ChatCompletionClient, ModelInfo, SystemMessage, UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient

from benchmarks.peers.jobs import address, as_query
from benchmarks.protocol import Ask, Conversation, Job

NAME = "AutoGen pattern"
VERSIONS = ["autogen-core", "autogen-ext", "openai"]

_ABILITIES = ModelInfo(
    vision=False, function_calling=False, json_output=False, family="unknown", structured_output=False
)
_SYNTHESIS = "Below are answers of several models to the user's question. Weigh them, and write one better answer."


@dataclass
class Task:
    """A question, with the answers of the layer before."""

    question: str
    references: list[str]


@dataclass
class Answer:
    """An agent's answer."""

    text: str


class Worker(RoutedAgent):
    """Answers a task with one model."""

    def __init__(self, model: ChatCompletionClient) -> None:
        super().__init__("worker")
        self._model = model

    @message_handler
    async def answer(self, message: Task, ctx: MessageContext) -> Answer:
        """Ask the model."""
        system = [SystemMessage(content=_with_references(message.references))] if message.references else []
        question = UserMessage(content=message.question, source="user")
        result = await self._model.create([*system, question], cancellation_token=ctx.cancellation_token)
        if not isinstance(result.content, str):
            raise TypeError(f"{self.id} answered with tool calls")
        return Answer(result.content)


class Orchestrator(RoutedAgent):
    """Sends a question to every worker of a layer, then to the next layer, and last to the aggregator."""

    def __init__(self, layers: list[list[AgentId]], aggregator: AgentId) -> None:
        super().__init__("orchestrator")
        self._layers = layers
        self._aggregator = aggregator

    @message_handler
    async def answer(self, message: Task, ctx: MessageContext) -> Answer:
        """Ask layer after layer."""
        references = message.references
        for layer in self._layers:
            answers = await asyncio.gather(
                *(
                    self.send_message(
                        Task(message.question, references), worker, cancellation_token=ctx.cancellation_token
                    )
                    for worker in layer
                )
            )
            references = [answer.text for answer in answers]
        answer: Answer = await self.send_message(
            Task(message.question, references), self._aggregator, cancellation_token=ctx.cancellation_token
        )
        return answer


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Register a type of worker for every model, and start the runtime."""
    runtime = SingleThreadedAgentRuntime()
    names = dict.fromkeys([*itertools.chain(*job.layers), job.aggregator])
    types = {name: f"worker_{number}" for number, name in enumerate(names)}
    layers = [
        [AgentId(types[name], f"layer_{number}_slot_{slot}") for slot, name in enumerate(layer)]
        for number, layer in enumerate(job.layers)
    ]
    aggregator = AgentId(types[job.aggregator], "aggregator")
    async with AsyncExitStack() as stack:
        for name, agent_type in types.items():
            await _register(runtime, agent_type, _model(name, job, stack))
        await Orchestrator.register(runtime, "orchestrator", lambda: Orchestrator(layers, aggregator))
        runtime.start()
        stack.push_async_callback(runtime.stop)

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            task = Task(as_query(conversation), [])
            answer: Answer = await runtime.send_message(task, AgentId("orchestrator", "default"))
            yield answer.text

        yield ask


async def _register(runtime: SingleThreadedAgentRuntime, agent_type: str, model: ChatCompletionClient) -> None:
    await Worker.register(runtime, agent_type, lambda: Worker(model))


def _model(name: str, job: Job, stack: AsyncExitStack) -> ChatCompletionClient:
    model = OpenAIChatCompletionClient(model=name, base_url=address(job), api_key="benchmark", model_info=_ABILITIES)
    stack.push_async_callback(model.close)
    return model


def _with_references(references: list[str]) -> str:
    return "\n".join([_SYNTHESIS, *(f"{number}. {text}" for number, text in enumerate(references, start=1))])
