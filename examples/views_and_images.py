"""What a slot is shown: one sees no earlier turns, one reads no images, and the aggregator sees everything."""

from langchain_core.messages import AIMessage, HumanMessage

from langgraph_moa import Mixture, Proposer, create_moa
from langgraph_moa.testing import ScriptedChatModel

fresh, blind, eager, judge = (ScriptedChatModel(replies=name) for name in ("fresh", "blind", "eager", "judge"))
mixture = Mixture.of(
    [
        Proposer(fresh, name="fresh", view=[]),
        Proposer(blind, name="blind", inputs=["text"]),
        Proposer(eager, name="eager"),
    ],
    judge,
)
picture = {"type": "image", "url": "https://example.org/tower.png"}
conversation = [
    HumanMessage("How high is it?"),
    AIMessage("80 m."),
    HumanMessage([{"type": "text", "text": "Is this the one?"}, picture]),
]
out = create_moa(mixture).invoke({"messages": conversation})
for proposal in out["proposals"]:
    reason = proposal["error"]["message"] if proposal["error"] else "answered"
    print(f"{proposal['proposer']:<8} {proposal['status']:<7} {reason}")
print(f"shown to fresh: {len(fresh.requests[0])} message; to the aggregator: {len(judge.requests[0])}")
