"""What is known of a user, in a store that outlives every conversation: read once a turn, told to every model."""

from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore

from langgraph_moa import Mixture, create_moa
from langgraph_moa.testing import ScriptedChatModel

Messages = dict[str, list[BaseMessage]]


def with_memories(state: MessagesState) -> Messages:
    """Return the conversation behind what is known of the user."""
    known = "\n".join(item.value["text"] for item in get_store().search(("users", "ada")))
    return {"messages": [SystemMessage(f"Known of the user:\n{known}"), *state["messages"]]}


def newest(out: Messages) -> Messages:
    """Return what the conversation gains: the answer."""
    return {"messages": out["messages"][-1:]}


cook = ScriptedChatModel(replies=lambda messages: f"Told before: {messages[0].text!r}. So: lentils.")
store = InMemoryStore()
store.put(("users", "ada"), "diet", {"text": "Ada is vegetarian."})
mixture = RunnableLambda(with_memories) | create_moa(Mixture.of([cook, cook], cook)) | newest
builder = StateGraph(MessagesState).add_node("mixture", mixture).add_edge(START, "mixture")
graph = builder.compile(checkpointer=InMemorySaver(), store=store)
for thread in ("monday", "tuesday"):
    config = {"configurable": {"thread_id": thread}}
    print(graph.invoke({"messages": [("user", "What shall I eat?")]}, config)["messages"][-1].text)
