"""The answer of a mixture as data: an object of a class, a typed dictionary, or what a JSON schema describes."""

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langgraph_moa import ChatMoA


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int = Field(description="How many people live there.")


class CityTable(TypedDict):
    """A city."""

    name: str
    inhabitants: int


schema = {
    "title": "city",
    "description": "A city.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
}
model = ChatMoA(proposers=["openai:gpt-5-mini", "openai:gpt-5-nano"], aggregator="openai:gpt-5-mini")
for wanted in (City, CityTable, schema):
    print(repr(model.with_structured_output(wanted).invoke("Which is the largest city of Italy?")))
