"""An agent over a mixture whose early turns are summarised, so that its conversation stays short however long it is."""

from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import ChatMoA

summarise = SummarizationMiddleware("openai:gpt-5-nano", trigger=("messages", 4), keep=("messages", 2))
model = ChatMoA(proposers=["openai:gpt-5-mini", "openai:gpt-5-nano"], aggregator="openai:gpt-5-mini")
agent = create_agent(model, middleware=[summarise], checkpointer=InMemorySaver())
thread = {"configurable": {"thread_id": "1"}}
for question in ("Who built the Colosseum?", "When?", "How high is it?", "And how old?"):
    state = agent.invoke({"messages": [("user", question)]}, thread)
    print(f"{question:<26} {[message.type for message in state['messages']]} {state['messages'][0].text[:40]!r}")
