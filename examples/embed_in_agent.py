"""A mixture as a node of a larger graph that remembers the conversation."""

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from langgraph_moa import create_moa, load_preset

builder = StateGraph(MessagesState)
builder.add_node("mixture", create_moa(load_preset("offline")))
builder.add_edge(START, "mixture")
builder.add_edge("mixture", END)
agent = builder.compile(checkpointer=InMemorySaver())

thread = {"configurable": {"thread_id": "1"}}
for question in ("What is a quorum?", "What is a preset?"):
    state = agent.invoke({"messages": [("user", question)]}, thread)
    print(f"{question} {state['messages'][-1].text.splitlines()[0]}")
print(f"messages in the history: {len(state['messages'])}")
