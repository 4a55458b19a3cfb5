"""Stop before the aggregator, look at the proposals, go on: no proposer is asked twice."""

from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import create_moa, load_preset

graph = create_moa(load_preset("offline"), checkpointer=InMemorySaver(), interrupt_before=["aggregator"])
thread = {"configurable": {"thread_id": "1"}}

graph.invoke({"messages": [("user", "What does grace mean?")]}, thread)
for proposal in graph.get_state(thread).values["layers"]["1"]["proposals"]:
    print(f"{proposal['proposer']:<12} {proposal['status']:<8} {proposal['text'][:90]}")

out = graph.invoke(None, thread)
print(out["messages"][-1].text)
