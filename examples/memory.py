"""A conversation of five turns in SQLite: all of it is kept, and the models are shown the last exchanges alone."""

from langchain_core.messages import BaseMessage, trim_messages
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

from langgraph_moa import create_moa, load_preset

Messages = dict[str, list[BaseMessage]]


def shortened(state: MessagesState) -> Messages:
    """Return the end of the conversation, from a question on."""
    end = trim_messages(state["messages"], max_tokens=2000, token_counter=count_tokens_approximately, start_on="human")
    return {"messages": end}


def newest(out: Messages) -> Messages:
    """Return what the conversation gains: the answer."""
    return {"messages": out["messages"][-1:]}


mixture = RunnableLambda(shortened) | create_moa(load_preset("offline")) | newest
builder = StateGraph(MessagesState).add_node("mixture", mixture).add_edge(START, "mixture")
thread = {"configurable": {"thread_id": "1"}}

with SqliteSaver.from_conn_string(":memory:") as saver:
    graph = builder.compile(checkpointer=saver)
    for word in ("quorum", "grace", "deadline", "preset", "layer"):
        state = graph.invoke({"messages": [("user", f"What is a {word}?")]}, thread)
        print(f"{word}: {state['messages'][-1].text.splitlines()[0]}")
    print(f"messages kept: {len(state['messages'])}")
