"""A panel of models that a simulated provider serves, for the pictures of the page."""

from __future__ import annotations

from langgraph_moa import Aggregator, Layer, Mixture, Proposer
from langgraph_moa.testing import Behaviour

ABOUT = "When does a heat pump pay in an old house?"
_SHORT = """It pays once the **flow temperature** stays below 55 °C on the coldest days.

1. Insulate the roof first.
2. Change the two or three smallest radiators.
3. Then size the pump for what is left.

A wet, leaky house needs a larger pump, and the larger pump seldom earns its price."""
_TABLE = """Divide the price of electricity by that of gas: the seasonal factor must be higher.

| house | factor |
|---|--:|
| 1970s, as built | 2.7 |
| roof insulated | 3.3 |
| renovated | 3.9 |"""
_ANSWER = """It pays in most old houses **once the flow temperature stays below 55 °C**; as built, they seldom do.

1. Measure the flow temperature on a cold day.
2. Insulate the roof and replace the smallest radiators.
3. Compare the seasonal factor with the ratio of electricity to gas prices: above it, every winter pays back.

| house | seasonal factor | pays when electricity costs at most |
|---|--:|--:|
| 1970s, as built | 2.7 | 2.4 × gas |
| roof insulated | 3.3 | 3.0 × gas |
| renovated | 3.9 | 3.5 × gas |"""
PROVIDED = {
    "openai/gpt-oss-120b": Behaviour(reply=_SHORT, tokens_per_second=400),
    "Qwen/Qwen3.8-Flash": Behaviour(reply=_TABLE, tokens_per_second=250),
    "deepseek-ai/DeepSeek-V4.1-Flash": Behaviour(reply="this model is overloaded", status=400),
    "moonshotai/Kimi-K3": Behaviour(hang=True),
    "zai-org/GLM-5.3-Flash": Behaviour(reply=_SHORT, tokens_per_second=10),
    "zai-org/GLM-5.3": Behaviour(reply=_ANSWER, tokens_per_second=600),
}


def heat_pumps(url: str) -> Mixture:
    """Return the panel: two of its models answer, one fails, one is late, and one is not waited for."""
    *names, last = (f"together:{name}" for name in PROVIDED)
    there = {"base_url": url, "api_key": "simulated"}
    proposers = [Proposer(name, timeout=0.3 if "Kimi" in name else None, model_kwargs=there) for name in names]
    layer = Layer(proposers, quorum=2, grace=0.5, deadline=60)
    return Mixture([layer], Aggregator(last, model_kwargs=there), name="heat-pumps")
