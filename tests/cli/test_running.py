"""One run, as a watcher is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk

from langgraph_moa import Aggregator, Mixture, QuorumError, create_moa
from langgraph_moa.cli.running import Answer, run_mixture
from langgraph_moa.events import ProgressEvent
from langgraph_moa.testing import ScriptedChatModel


class _Recorder:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tokens: list[str] = []
        self.restarts = 0

    def begin(self, mixture: Mixture) -> None:
        self.told.append("begin")

    def progress(self, event: ProgressEvent) -> None:
        self.told.append(event["event"])

    def token(self, text: str, *, restarted: bool) -> None:
        self.told.append("token")
        self.tokens.append(text)
        self.restarts += restarted

    def finish(self, answer: Answer) -> None:
        self.told.append("finish")

    def close(self) -> None:
        self.told.append("close")


def _model(reply: str | Exception) -> ScriptedChatModel:
    return ScriptedChatModel(replies=reply)


async def _run(mixture: Mixture, watcher: _Recorder) -> Answer:
    return await run_mixture(create_moa(mixture), mixture, [HumanMessage("Why?")], watcher)


async def test_only_the_aggregators_tokens_are_told() -> None:
    """Tokens come one by one before the end, and together are the answer; proposers give none."""
    watcher = _Recorder()
    mixture = Mixture.of([_model("a proposal"), _model("another one")], _model("one two three"), depth=3)
    answer = await _run(mixture, watcher)
    assert "".join(watcher.tokens) == answer.text == "one two three"
    assert len(watcher.tokens) > 1
    assert watcher.told[0] == "begin"
    assert watcher.told[-2:] == ["finish", "close"]
    assert watcher.told.index("token") > max(place for place, told in enumerate(watcher.told) if told == "finished")
    assert len(answer.proposals) == 4


async def test_the_inner_run_of_a_mixture_in_a_mixture_is_not_told() -> None:
    """A proposer that is a mixture is one call to the watcher."""
    inner = Mixture.of([_model("x"), _model("y")], _model("inner answer"), name="inner")
    watcher = _Recorder()
    await _run(Mixture.of([inner], _model("outer answer"), name="outer"), watcher)
    assert watcher.told.count("started") == 1
    assert "".join(watcher.tokens) == "outer answer"


async def test_a_fallback_is_no_restart_when_nothing_was_said() -> None:
    """When the first model fails before its first token, the fallback's answer is simply the answer."""
    watcher = _Recorder()
    aggregator = Aggregator(_model(RuntimeError("down")), fallbacks=[_model("from the fallback")])
    answer = await _run(Mixture.of([_model("a proposal")], aggregator), watcher)
    assert ("".join(watcher.tokens), watcher.restarts) == ("from the fallback", 0)
    assert answer.summary["degraded"]


class _Breaking(ScriptedChatModel):
    """Breaks off in the middle of its answer."""

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="half an ans"))
        raise ValueError


async def test_a_model_that_breaks_off_is_followed_by_a_restart() -> None:
    """When a model fails in the middle of its answer, the first piece of the next one's is marked."""
    watcher = _Recorder()
    aggregator = Aggregator(_Breaking(model_name="breaking"), fallbacks=[_model("a whole answer")])
    answer = await _run(Mixture.of([_model("a proposal")], aggregator), watcher)
    assert ("".join(watcher.tokens), watcher.restarts) == ("half an ansa whole answer", 1)
    assert answer.text == "a whole answer"


async def test_a_watcher_is_closed_after_a_failure() -> None:
    """Whatever happens, the watcher lets go of the terminal."""
    watcher = _Recorder()
    with pytest.raises(QuorumError):
        await _run(Mixture.of([_model(RuntimeError("down"))], _model("never")), watcher)
    assert watcher.told == ["begin", "planned", "started", "failed", "close"]
