"""Read a mixture from a file, and see what it would cost before anything is spent."""

from pathlib import Path

from langgraph_moa import Mixture

mixture = Mixture.from_file(Path(__file__).with_name("mixture.toml"))
plan = mixture.plan()
print(f"{plan.mixture}: {plan.calls} calls, at most ${plan.cost:.4f} with prices of {plan.prices_date}")
for call in plan.slots:
    print(f"  {call.slot:<16} {call.model:<24} {call.input_tokens} tokens in, at most {call.output_tokens} out")
