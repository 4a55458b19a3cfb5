"""An agent that keeps its own model and is advised by the proposers of a mixture, once for each question."""

from langchain.agents import create_agent
from langchain_core.tools import tool

from langgraph_moa import Mixture, MoAMiddleware


@tool
def population(city: str) -> int:
    """Return how many people live in a city."""
    return {"Rome": 2_750_000, "Paris": 2_100_000}.get(city, 0)


mixture = Mixture.of(["openai:gpt-5-nano", "openai:gpt-4.1-mini"], "openai:gpt-5-mini")
agent = create_agent("openai:gpt-5-mini", tools=[population], middleware=[MoAMiddleware(mixture)])
out = agent.invoke({"messages": [("user", "How many people live in Rome?")]})
for message in out["messages"]:
    advice = message.response_metadata.get("moa_advice", {}).get(mixture.name)
    note = f"  (advised by {advice['ok']} proposers)" if advice else ""
    print(f"{message.type:<6} {message.text or message.tool_calls}{note}")
