"""Claims about tokens counted below a request."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import Generation, LLMResult
from langchain_core.tools import tool

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.metering import UsageMeter
from langgraph_moa.testing import ScriptedChatModel

CALL = AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "1"}])


@tool
def look() -> str:
    """Look."""
    return "seen"


def test_unknown_stays_unknown() -> None:
    """Calls that report nothing, and completions that are no messages, count as unknown."""
    meter = UsageMeter()
    ScriptedChatModel().invoke("q", {"callbacks": [meter]})
    meter.on_llm_end(LLMResult(generations=[[Generation(text="t")]]))
    meter.on_llm_end(LLMResult(generations=[]))
    assert meter.usage is None


def test_what_an_agent_took_before_it_failed_is_counted() -> None:
    """An agent that dies in its second step has used the tokens of its first, and the summary says so."""
    model = ScriptedChatModel(
        replies=[CALL, ValueError("down")], usage={"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    )
    agent = create_agent(model, tools=[look])
    other = ScriptedChatModel(replies="ok")
    mixture = Mixture.of([Proposer(agent, name="agent"), Proposer(other, name="other")], other)
    out = create_moa(mixture).invoke({"messages": [HumanMessage("q")]})
    first = out["proposals"][0]
    assert (first["status"], first["usage"]["total_tokens"]) == ("error", 4)
    assert out["messages"][-1].response_metadata["moa"]["usage"]["total"]["total_tokens"] == 4
