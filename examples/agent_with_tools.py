"""An agent whose model is a mixture: the aggregator calls tools, the proposers advise it once for each question."""

from langchain.agents import create_agent
from langchain_core.tools import tool

from langgraph_moa import ChatMoA


@tool
def population(city: str) -> int:
    """Return how many people live in a city."""
    return {"Rome": 2_750_000, "Paris": 2_100_000}.get(city, 0)


model = ChatMoA(proposers=["openai:gpt-5-mini", "openai:gpt-5-nano"], aggregator="openai:gpt-5-mini")
called = model.bind_tools([population]).invoke("How many people live in Rome?")
print("bind_tools:", called.tool_calls)

agent = create_agent(model, tools=[population])
out = agent.invoke({"messages": [("user", "How many people live in Rome?")]})
for message in out["messages"]:
    print(f"{message.type:<6} {message.text or message.tool_calls}")
for answer in out["messages"][1::2]:
    print(f"proposals asked for: {answer.response_metadata['moa']['planned']}")

curious = ChatMoA(mixture=model.recipe, fanout="every_call")
out = create_agent(curious, tools=[population]).invoke({"messages": [("user", "How many people live in Rome?")]})
for answer in out["messages"][1::2]:
    print(f"proposals asked for in every call: {answer.response_metadata['moa']['planned']}")
