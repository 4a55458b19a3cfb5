"""Stop before the aggregator, look at the proposals, drop one, edit one, go on: no proposer is asked twice."""

from langgraph.checkpoint.memory import InMemorySaver

from langgraph_moa import create_moa, load_preset
from langgraph_moa.review import with_text, without_proposal

graph = create_moa(load_preset("offline"), checkpointer=InMemorySaver(), interrupt_before=["aggregator"])
thread = {"configurable": {"thread_id": "1"}}

graph.invoke({"messages": [("user", "What does grace mean?")]}, thread)
layers = graph.get_state(thread).values["layers"]
for proposal in layers["1"]["proposals"]:
    print(f"{proposal['proposer']:<12} {proposal['status']:<8} {proposal['text'][:90]}")

review = without_proposal(layers, "lsa")
kept = layers["1"]["proposals"][2]["text"].splitlines()[0]
review = with_text(review["layers"], "ngrams", kept)
graph.update_state(thread, review, as_node="layer_1_join")

out = graph.invoke(None, thread)
print(out["messages"][-1].text)
for proposal in out["proposals"]:
    print(f"{proposal['proposer']:<12} {proposal['status']:<8} {'edited' if proposal['edited'] else ''}")
