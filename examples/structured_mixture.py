"""Proposers that answer in a schema, merged field by field: who supports which field stands beside the answer."""

from pydantic import BaseModel

from langgraph_moa import Mixture, create_moa


class City(BaseModel):
    """A city."""

    name: str
    country: str
    inhabitants: int


proposers = ["openai:gpt-5-mini", "openai:gpt-5-nano", "openai:gpt-4.1-mini"]
mixture = Mixture.of(proposers, "openai:gpt-5-mini", answer_schema=City)
out = create_moa(mixture).invoke({"messages": [("user", "Which is the largest city of Italy?")]})
answer = out["messages"][-1]
print(City.model_validate_json(answer.text))
for name, field in answer.response_metadata["moa"]["fields"].items():
    print(f"{name:<12} {field['agreement']:.0%} of the proposals: {', '.join(field['supporters'])}")
