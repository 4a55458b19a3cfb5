"""Proposers that are agents, each with tools of its own; the aggregator reads what they found out."""

from langchain.agents import create_agent
from langchain_core.tools import tool

from langgraph_moa import Mixture, Proposer, create_moa


@tool
def population(city: str) -> int:
    """Return how many people live in a city."""
    return {"Rome": 2_750_000, "Paris": 2_100_000}.get(city, 0)


@tool
def area(city: str) -> int:
    """Return the area of a city in square kilometres."""
    return {"Rome": 1287, "Paris": 105}.get(city, 0)


counting = create_agent("openai:gpt-5-mini", tools=[population])
measuring = create_agent("openai:gpt-5-mini", tools=[area])
mixture = Mixture.of([Proposer(counting, name="counting"), Proposer(measuring, name="measuring")], "openai:gpt-5-mini")
out = create_moa(mixture).invoke({"messages": [("user", "How densely is Rome populated?")]})
for proposal in out["proposals"]:
    print(f"{proposal['proposer']:<10} {proposal['status']:<6} {proposal['text']}")
print(out["messages"][-1].text)
