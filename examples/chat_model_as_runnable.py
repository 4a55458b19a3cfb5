"""What LangChain's models can do, a mixture can: arguments bound, other models behind it, its fields set by a call."""

import json

from langchain_core.load import dumpd, load
from langchain_core.runnables import ConfigurableField

from langgraph_moa import ChatMoA, Mixture
from langgraph_moa.testing import ScriptedChatModel


def show(way: str, answer: str) -> None:  # noqa: D103
    print(f"{way:<20} {answer.splitlines()[0][:80]}")


writer = ScriptedChatModel(replies="Rome")
ChatMoA(mixture=Mixture.of([writer], writer)).bind(temperature=0).invoke("Where is the Forum?")
show("bind", f"the aggregator was called with {writer.options[-1]}")

model = ChatMoA(model="offline")

down = ScriptedChatModel(replies=ConnectionError("down"))
broken = ChatMoA(mixture=Mixture.of([down], down))
show("with_fallbacks", broken.with_fallbacks([model]).invoke("What is a preset?").text)

shaky = ScriptedChatModel(replies=[ConnectionError("down"), "up again"])
retried = ChatMoA(mixture=Mixture.of([shaky], shaky)).with_retry(stop_after_attempt=2)
show("with_retry", retried.invoke("Are you there?").text)

either = model.configurable_fields(model=ConfigurableField("preset"))
show("configurable_fields", either.with_config(configurable={"preset": "offline"}).invoke("What is grace?").text)

written = json.dumps(dumpd(model))
again = load(json.loads(written), valid_namespaces=["langgraph_moa"], allowed_objects=[ChatMoA])
show("dumpd and load", again.invoke("What is a layer?").text)
