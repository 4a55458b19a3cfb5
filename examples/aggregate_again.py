"""Aggregate an old run again by another model: its proposals are read from JSON, and no proposer is asked."""

import json

from langgraph_moa import create_aggregation, create_moa, load_preset
from langgraph_moa.testing import ScriptedChatModel

question = ("user", "What does grace mean?")
mixture = load_preset("offline")
out = create_moa(mixture).invoke({"messages": [question]})
saved = json.dumps(out["proposals"])

other = ScriptedChatModel(replies="Seconds to wait for the others.")  # stands for another model, such as "openai:gpt-5"
aggregation = create_aggregation(mixture.swap({"aggregator": other}))
again = aggregation.invoke({"messages": [question], "proposals": json.loads(saved)})

print("before:", out["messages"][-1].text)
print("now:   ", again["messages"][-1].text)
