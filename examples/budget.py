"""A limit for each run: what does not fit is left out before it is called, and the answer says so."""

from langgraph_moa import Aggregator, Budget, BudgetError, Mixture, Proposer, create_moa

proposers = [Proposer("openai:gpt-5-mini", name=name, max_tokens=400) for name in ("ada", "ben", "eve")]
aggregator = Aggregator("openai:gpt-5-mini", max_tokens=400)
question = {"messages": [("user", "Why is the sky blue?")]}

for budget in (None, Budget(max_tokens=2500), Budget(max_tokens=100), Budget(max_cost=0.002, max_seconds=60)):
    mixture = Mixture.of(proposers, aggregator, depth=3, budget=budget)
    try:
        answer = create_moa(mixture).invoke(question)["messages"][-1]
    except BudgetError as error:
        print(f"{budget}: {error}")
        continue
    summary = answer.response_metadata["moa"]
    left_out = summary["budget"] or {"dropped_layers": [], "dropped_slots": []}
    print(f"{budget}: without the layers {left_out['dropped_layers']} and {left_out['dropped_slots']}")
