"""`vote`: the final answers are read from the references and counted. No model is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from langgraph_moa import checks
from langgraph_moa.agreement import comparable
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.final_answers import canonical, extract_answer
from langgraph_moa.json_text import objects_in
from langgraph_moa.strategies.base import Ballot, Case, Decision, Ruling, Source, Steps, Strategy
from langgraph_moa.strategies.consensus import by_consensus
from langgraph_moa.strategies.voting import check_weight, tally

_LONGEST = 200
_LONGEST_REASON = 500
_MOST_BALLOTS = 16


@dataclass(frozen=True, slots=True)
class Vote(Strategy):
    """Plurality of the final answers, such as the number that a solution ends with.

    The answer is the proposal of the winner's earliest supporter, of those with the greatest weight. Where no reference
    has a final answer, the medoid is taken, and said so.
    """

    name: ClassVar[str] = "vote"
    asks_model: ClassVar[bool] = False
    writes_answer: ClassVar[bool] = False

    weights: Mapping[str, float] = field(default_factory=dict)
    """By slot or model, 0 or more, for every slot of the layer, such as `reliability_weights` gives; `{}`: all count 1.
    """

    def __post_init__(self) -> None:
        """Check the weights."""
        if not isinstance(self.weights, Mapping):
            msg = f"Vote.weights must map slots or models to numbers, got {checks.shown(self.weights)}"
            raise ConfigurationError(msg)
        for name, weight in self.weights.items():
            check_weight(f"Vote.weights[{name!r}]", weight)
        object.__setattr__(self, "weights", dict(self.weights))

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.weights.items())))

    def check_slots(self, slots: Sequence[tuple[str, str]]) -> None:
        """Refuse weights that leave out a slot, or name nothing."""
        if not self.weights:
            return
        missing = [slot for slot, model in slots if slot not in self.weights and model not in self.weights]
        known = {name for pair in slots for name in pair}
        idle = sorted(set(self.weights) - known)
        if missing or idle:
            wrong = [*(f"none for {slot!r}" for slot in missing), *(f"{name!r} is no slot or model" for name in idle)]
            msg = f"Vote.weights: {', '.join(wrong)}. Give one for each of {', '.join(slot for slot, _ in slots)}"
            raise ConfigurationError(msg)

    def decide(self, case: Case) -> Steps:
        """Ask nothing."""
        yield from ()
        sources = case.in_configured_order
        answers = [_final_answer(source.text, is_structured=case.is_structured) for source in sources]
        weights, unweighed = self._weigh(sources)
        totals = tally(answers, weights=weights)
        if not totals:
            return by_consensus(self.name, sources, "no reference has a final answer: ")
        winner = max(totals, key=totals.__getitem__)
        ballots = _ballots(sources, answers, totals)
        supporters = [index for index, answer in enumerate(answers) if answer == winner]
        chosen = sources[max(supporters, key=lambda index: weights[index])]
        tied = [ballot for ballot in ballots[1:] if ballot["weight"] == totals[winner]]
        decision = Decision(
            strategy=self.name,
            why=f"{unweighed}{_reason(ballots, tied, total=sum(totals.values()))}"[:_LONGEST_REASON],
            chosen=chosen.slot,
            ballots=ballots[:_MOST_BALLOTS],
            tie=bool(tied),
        )
        return Ruling(chosen.text, decision)

    def _weigh(self, sources: Sequence[Source]) -> tuple[list[float], str]:
        """Return what each vote counts, and why where the weights do not count.

        The slots are other ones where a budget or an agreement has left out layers, and where an old run is voted on.
        """
        given = [self.weights.get(source.slot, self.weights.get(source.model)) for source in sources]
        weights = [weight for weight in given if weight is not None]
        if len(weights) == len(sources):
            return weights, ""
        without = ", ".join(source.slot for source, weight in zip(sources, given, strict=True) if weight is None)
        why = f"all count 1, since there is no weight for {without[:_LONGEST]}: " if self.weights else ""
        return [1.0] * len(sources), why


def _final_answer(text: str, *, is_structured: bool) -> str | None:
    """Return what is counted: the final answer in its canonical form, or the whole value as `agreement` compares it."""
    if is_structured:
        value = next(iter(objects_in(text)), None)
        return None if value is None else comparable(value)
    answer = extract_answer(text)
    return None if answer is None else canonical(answer)


def _ballots(sources: Sequence[Source], answers: Sequence[str | None], totals: Mapping[str, float]) -> list[Ballot]:
    """Return every answer with its weight and who gave it, the winner first."""
    voters: dict[str, list[str]] = {answer: [] for answer in sorted(totals, key=totals.__getitem__, reverse=True)}
    for source, answer in zip(sources, answers, strict=True):
        if answer is not None:
            voters[answer].append(source.slot)
    return [Ballot(answer=answer[:_LONGEST], weight=totals[answer], slots=slots) for answer, slots in voters.items()]


def _reason(ballots: Sequence[Ballot], tied: Sequence[Ballot], *, total: float) -> str:
    first = ballots[0]
    counted = f"{first['answer']!r} has {first['weight']:g} of {total:g} ({', '.join(first['slots'])})"
    if not tied:
        return counted
    others = "; ".join(f"{ballot['answer']!r} ({', '.join(ballot['slots'])})" for ballot in tied)
    return f"tie: {counted}, as has {others}; the answer that was given first wins"
