"""Watch a run: its progress, and what proposers say while they say it."""

from langchain_core.callbacks import BaseCallbackHandler

from langgraph_moa import ChatMoA, Mixture, create_moa
from langgraph_moa.testing import ScriptedChatModel

proposers = [ScriptedChatModel(model_name=name, replies=f"{name} thinks so", delay=0.01) for name in ("ada", "ben")]
mixture = Mixture.of(proposers, ScriptedChatModel(replies="Both think so."))
question = {"messages": [("user", "Is it true?")]}

graph = create_moa(mixture, stream_proposals=True)
for mode, item in graph.stream(question, stream_mode=["custom", "messages"]):
    if mode == "custom":
        print(f"{item['event']:<12} layer {item['layer']} {item['slot']}")
    else:
        token, metadata = item
        tags = [tag for tag in metadata.get("tags") or () if tag.startswith("moa:")]
        print(f"  {token.text!r} {' '.join(tags) or 'the answer'}")


class Progress(BaseCallbackHandler):  # noqa: D101
    def on_custom_event(self, name, data, **_):  # noqa: ANN001, ANN003, ANN201, D102
        print(f"{name}: {data['event']} {data['slot']}")


ChatMoA(mixture=mixture).invoke("Is it true?", {"callbacks": [Progress()]})
