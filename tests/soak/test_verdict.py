"""Claims about the soak's verdict: it passes what is right, and catches each kind of wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from langgraph_moa import Aggregator, AggregatorError, Layer, Mixture, Proposer, QuorumError, create_moa
from langgraph_moa.testing import ScriptedChatModel
from tests.soak.recipes import ACTING, QUORUM
from tests.soak.sayings import ACTOR, NOTED, PROPOSERS, answer_text, proposal_text, question, references_in
from tests.soak.verdict import Outcome, violations

TOKEN, OTHER = "question-1", "question-2"
CALL = {"name": "note", "args": NOTED, "id": "call"}


@dataclass(frozen=True)
class Case:
    """What a soak knows of one mixture."""

    mixture: Mixture
    outcome: Outcome
    shown: dict[str, list[list[str]]]

    @property
    def output(self) -> Any:
        """The state that the graph gave."""
        return self.outcome

    @property
    def answer(self) -> AIMessage:
        """The last message."""
        message: AIMessage = self.output["messages"][-1]
        return message

    @property
    def proposals(self) -> list[dict[str, Any]]:
        """All of them, to be changed."""
        held: Any = self.outcome
        proposals: list[dict[str, Any]] = held["proposals"] if isinstance(held, dict) else held.proposals
        return proposals

    def problems(self) -> list[str]:
        """Return the verdict."""
        return list(violations(TOKEN, self.outcome, self.mixture, self.shown))


def case(name: str = "strict", *, failing: Sequence[str] = ("p5",), layers: int = 1, on_failure: Any = "raise") -> Case:
    """Run a mixture of scripted models, some of which fail."""
    names = (*PROPOSERS, ACTOR if name == ACTING else "merger")
    models = {one: ScriptedChatModel(model_name=one, replies=_reply(one, fails=one in failing)) for one in names}
    *seats, merger = [Proposer(models[one], name=one) for one in names]
    aggregator = Aggregator(merger.model, on_failure=on_failure)
    mixture = Mixture([Layer(seats, quorum=QUORUM)] * layers, aggregator, name=name, on_partial="allow")
    try:
        outcome: Any = create_moa(mixture).invoke({"messages": [("user", question(TOKEN))]})
    except (QuorumError, AggregatorError) as error:
        outcome = error
    shown = {one: [_references(request) for request in model.requests] for one, model in models.items()}
    return Case(mixture, copy.deepcopy(outcome), {one: lists for one, lists in shown.items() if lists})


def _references(request: Sequence[BaseMessage]) -> list[str]:
    return references_in("\n".join(message.text for message in request))


def _reply(name: str, *, fails: bool) -> Any:
    if fails:
        return ValueError("no")
    if name in PROPOSERS:
        return proposal_text(TOKEN, name)
    if name == ACTOR:
        return AIMessage("", tool_calls=[CALL])
    return lambda request: answer_text(TOKEN, _references(request))


GOOD: dict[str, Callable[[], Case]] = {
    "answer": case,
    "deep": lambda: case("deep", layers=2),
    "tool call": lambda: case(ACTING),
    "substitute": lambda: case("lenient", failing=["merger", "p1"], on_failure="best_proposal"),
    "aggregator error": lambda: case(failing=["merger", "p1"]),
    "quorum error": lambda: case("deep", failing=PROPOSERS[:4], layers=2),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_right_passes(name: str) -> None:
    """Every way in which a mixture may end is passed when nothing is wrong with it."""
    assert GOOD[name]().problems() == []


def test_a_cut_answer_passes() -> None:
    """An answer that its model did not finish is right as far as it goes, and is told from one that lost its end."""
    cut = case()
    cut.answer.content = cut.answer.text[:40]
    assert cut.problems()
    cut.answer.response_metadata["finish_reason"] = "length"
    assert cut.problems() == []


def unusable(given: Case, layer: int, *proposers: str) -> None:
    """Make proposals failures, without a word in the summary."""
    for proposal in given.proposals:
        if proposal["layer"] == layer and proposal["proposer"] in proposers:
            proposal.update(status="error", text="", error={"kind": "ValueError", "message": "no"})


def _drop(given: Case) -> None:
    del given.proposals[2]


def _swap(given: Case) -> None:
    given.proposals[:2] = reversed(given.proposals[:2])


def _replace_layer(given: Case) -> None:
    given.proposals[6:] = copy.deepcopy(given.proposals[:6])


def _mix_up_proposal(given: Case) -> None:
    given.proposals[0]["text"] = given.proposals[0]["text"].replace(TOKEN, OTHER)


def _mix_up_answer(given: Case) -> None:
    given.answer.additional_kwargs["note"] = OTHER


def _mix_up_error(given: Case) -> None:
    assert isinstance(given.outcome, Exception)
    given.outcome.args = (f"{given.outcome} {OTHER}",)


def _other_voice(given: Case) -> None:
    given.proposals[0]["text"] = proposal_text(TOKEN, "p3")


def _no_reason(given: Case) -> None:
    given.proposals[5]["error"] = None


def _talking_failure(given: Case) -> None:
    given.proposals[5]["text"] = "no"


def _below_quorum(given: Case) -> None:
    unusable(given, 1, *PROPOSERS[:4])


def _enough_after_all(given: Case) -> None:
    for proposal in given.proposals:
        proposal.update(status="ok", text=proposal_text(TOKEN, proposal["proposer"]), finish_reason="stop", error=None)


def _forget_a_reference(given: Case) -> None:
    given.shown[next(name for name in (ACTOR, "merger") if name in given.shown)][0].pop()


def _forget_an_earlier_reference(given: Case) -> None:
    given.shown["p2"][1].pop()


def _never_asked(given: Case) -> None:
    del given.shown["merger"]


def _asked_in_vain(given: Case) -> None:
    given.shown["merger"] = [[one["text"] for one in given.proposals if one["text"]]]


def _second_list(given: Case) -> None:
    given.shown["backup"] = [[proposal_text(OTHER, "p0")]]


def _other_call(given: Case) -> None:
    given.answer.tool_calls[0]["args"] = {"text": "something else"}


def _other_answer(given: Case) -> None:
    given.answer.content = f"{TOKEN} from []"


def _other_substitute(given: Case) -> None:
    given.answer.content = proposal_text(TOKEN, "p1")


def _other_name(given: Case) -> None:
    given.answer.response_metadata["moa"]["substitutes"][0]["proposer"] = "p4"


def _other_question(given: Case) -> None:
    given.output["messages"][0].content = f"{TOKEN}: what else?"


def _whole(given: Case) -> None:
    given.answer.response_metadata["moa"]["degraded"] = False


def _silent(given: Case) -> None:
    given.answer.response_metadata["moa"]["missing"] = []


CORRUPTIONS: Sequence[tuple[str, Callable[[Case], None], str]] = (
    ("answer", _drop, "the proposals are"),
    ("aggregator error", _drop, "the proposals are"),
    ("quorum error", _drop, "the proposals are"),
    ("answer", _swap, "the proposals are"),
    ("deep", _replace_layer, "the proposals are"),
    ("answer", _mix_up_proposal, "mixed up"),
    ("answer", _mix_up_answer, "mixed up"),
    ("aggregator error", _mix_up_error, "mixed up"),
    ("quorum error", _mix_up_error, "mixed up"),
    ("answer", _other_voice, "p0 of layer 1 says"),
    ("answer", _no_reason, "without a reason"),
    ("answer", _talking_failure, "p5 of layer 1 is error and says"),
    ("answer", _below_quorum, "layer 1 has 1 usable"),
    ("deep", _below_quorum, "layer 1 has 1 usable"),
    ("aggregator error", _below_quorum, "layer 1 has"),
    ("quorum error", _enough_after_all, "layer 1 has 6 usable"),
    ("quorum error", _asked_in_vain, "merger was shown"),
    ("answer", _forget_a_reference, "merger was shown"),
    ("tool call", _forget_a_reference, "actor was shown"),
    ("deep", _forget_an_earlier_reference, "p2 was shown"),
    ("answer", _never_asked, "no aggregator was asked"),
    ("answer", _second_list, "backup was shown"),
    ("tool call", _other_call, "the tool calls are"),
    ("answer", _other_answer, "the answer is"),
    ("substitute", _other_substitute, "the substitutes are"),
    ("substitute", _other_name, "the substitutes are"),
    ("answer", _other_question, "the conversation before"),
    ("answer", _whole, "calls a degraded run whole"),
    ("answer", _silent, "the summary tells"),
)


@pytest.mark.parametrize(("good", "corrupt", "problem"), CORRUPTIONS)
def test_what_is_wrong_is_caught(good: str, corrupt: Callable[[Case], None], problem: str) -> None:
    """One thing that is wrong in an outcome is named."""
    given = GOOD[good]()
    corrupt(given)
    assert any(problem in found for found in given.problems()), given.problems()


def test_a_policy_that_was_not_followed_is_caught() -> None:
    """An error where the recipe wants a substitute, and a substitute where it wants an error, are caught."""
    substituted, raised = GOOD["substitute"](), GOOD["aggregator error"]()
    swapped = replace(substituted, mixture=raised.mixture), replace(raised, mixture=substituted.mixture)
    found = [given.problems() for given in swapped]
    assert any("the recipe wants an error" in problem for problem in found[0])
    assert any("was to stand in" in problem for problem in found[1])


def test_another_quorum_is_caught() -> None:
    """A quorum error that tells another quorum than the recipe's is caught."""
    given = GOOD["quorum error"]()
    assert isinstance(given.outcome, QuorumError)
    given.outcome.quorum = 6
    assert any("quorum of 6" in problem for problem in given.problems())


def test_an_untyped_error_is_caught() -> None:
    """Any other exception is wrong, whatever it says."""
    assert replace(GOOD["answer"](), outcome=RuntimeError("lost")).problems() == [
        f"{TOKEN}, strict: RuntimeError: lost"
    ]
