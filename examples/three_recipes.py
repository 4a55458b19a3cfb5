"""One chat model from three kinds of recipe: a preset's name, a `Mixture`, or proposers with an aggregator."""

from langgraph_moa import ChatMoA, Mixture, Proposer

readers = ["offline:bm25", "offline:lsa", "offline:ngrams"]
mixture = Mixture.of([Proposer(readers[0], name="words"), readers[1]], "offline:agreement", name="two", quorum=1)
models = (
    ChatMoA(model="offline"),
    ChatMoA(mixture=mixture),
    ChatMoA(proposers=readers, aggregator="offline:agreement", depth=3),
)
for model in models:
    answer = model.invoke("What does grace mean?")
    summary = answer.response_metadata["moa"]
    print(f"{summary['mixture']}: {summary['ok']} of {summary['planned']} proposals, depth {summary['depth']}")
    print(f"  {answer.text.splitlines()[0]}")
