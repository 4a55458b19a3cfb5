"""What a run took: tokens for each model and slot, and dollars at your own prices; what has no price is listed."""

from langchain_core.callbacks import get_usage_metadata_callback

from langgraph_moa import ChatMoA, Mixture, PriceTable

prices = PriceTable.from_dict(
    {
        "date": "2026-11-01",
        "source": "our contract",
        "models": {"openai:gpt-5-mini": {"input": 0.25, "output": 2.00, "cached_input": 0.025}},
    }
)
proposers = ["openai:gpt-5-mini", "openai:our-tuned-model"]
model = ChatMoA(mixture=Mixture.of(proposers, "openai:gpt-5-mini", prices=prices))
with get_usage_metadata_callback() as counted:
    answer = model.invoke("Why is the sky blue?")

print("of the answer:", answer.usage_metadata)
print("by the callback:", counted.usage_metadata)
summary = answer.response_metadata["moa"]
for slot in summary["usage"]["slots"]:
    print(f"{slot['slot']:<16} {slot['usage']['total_tokens']} tokens, {slot['cost']} dollars")
print(f"total: {summary['cost']['total']} dollars; without a price: {summary['cost']['unpriced']}")
