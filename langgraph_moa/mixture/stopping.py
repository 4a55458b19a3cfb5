"""When the proposals of a layer agree so far that no further one is needed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar, get_args

from langgraph_moa import checks
from langgraph_moa.agreement import comparable
from langgraph_moa.consensus import agreement
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.final_answers import canonical, extract_answer
from langgraph_moa.serialization import plain_table

AgreementBy = Literal["answers", "lexical"]
Answer = TypeVar("Answer", bound=Hashable)
Skips = Literal["slots", "layers"]
_MAJORITY = 0.5
_SHARES: Mapping[AgreementBy, float] = {"answers": 1.0, "lexical": 0.6}
_TOLERANCE = 1e-9
_FEWEST = 2
_LONGEST_ANSWER = 80
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class StopWhen:
    """Adaptive depth: a layer asks its slots in waves, and no more of them once those that have answered agree.

    The slots are divided in configured order, so the strongest belong at the front. `required` slots are always asked,
    with the first wave. After each wave the usable proposals are compared; when they agree, the waves that are left are
    not asked, and nor are the layers that follow: the run goes straight to the aggregator. A skip is no degradation; it
    is told as `saved` in the summary.

    ```python
    Layer(["openai:gpt-5", "openai:gpt-5-mini", "openai:gpt-5-nano"], stop_when="answers")
    Layer([Proposer("openai:gpt-5-mini", samples=9)], stop_when=StopWhen(share=0.75, least=3, waves=(3, 3)))
    ```

    A wave waits for the one before it, so a run takes longer where they disagree; the layer's `deadline` counts all of
    them. With a `grace`, the stragglers of each wave are given up when the layer has its `quorum` and one of that wave
    has answered.
    """

    by: AgreementBy = "answers"
    """`"answers"`: the final answers that can be read from the texts are equal, such as the number that a solution ends
    with; of structured answers, their values. `"lexical"`: the texts use the same words."""
    share: float | None = None
    """By answers, the share of the usable proposals that must give the same answer: above 0.5, up to 1; one without a
    final answer agrees with none. Lexical, the least mean similarity of all pairs: above 0, up to 1, as `consensus`
    reckons it. `None`: 1 by answers, 0.6 lexical."""
    least: int = _FEWEST
    """Usable proposals before anything is compared, 2 or more; never fewer than the layer's `quorum`."""
    waves: Sequence[int] = (2,)
    """Slots of the first waves, one number for each, every draw of a proposer counted; the rest are the last wave."""
    skips: Skips = "layers"
    """`"slots"`: only the rest of this layer. `"layers"`: the layers that follow as well."""

    def __post_init__(self) -> None:
        """Check every field."""
        checks.choice("StopWhen.by", self.by, get_args(AgreementBy))
        checks.number("StopWhen.share", self.share, above=_MAJORITY if self.by == "answers" else 0, high=1)
        checks.whole_number("StopWhen.least", self.least, low=_FEWEST)
        waves = checks.listed("StopWhen.waves", self.waves)
        if not waves:
            msg = "StopWhen.waves is empty: name the number of slots that are asked first, such as [2]"
            raise ConfigurationError(msg)
        for index, size in enumerate(waves):
            checks.whole_number(f"StopWhen.waves[{index}]", size, low=1)
        object.__setattr__(self, "waves", waves)
        checks.choice("StopWhen.skips", self.skips, get_args(Skips))

    def check_slots(self, count: int) -> None:
        """Refuse what can save nothing in a layer of so many slots.

        Raises:
            ConfigurationError: It can never be judged, waves are left without a slot, or nothing can be skipped.
        """
        if self.least > count:
            msg = f"StopWhen.least must be at most the layer's number of slots, {count}; got {self.least}"
            raise ConfigurationError(msg)
        first = sum(self.waves)
        if first > count or (first == count and self.skips == "slots"):
            most = count if self.skips == "layers" else count - 1
            msg = (
                f"StopWhen.waves must leave a slot to skip: at most {most} in all for a layer of {count} slots and "
                f"skips={self.skips!r}; got {checks.shown(self.waves)}"
            )
            raise ConfigurationError(msg)

    @property
    def required_share(self) -> float:
        """`share`, or what stands for it."""
        return _SHARES[self.by] if self.share is None else self.share

    def agreed(self, texts: Mapping[str, str], *, is_structured: bool = False) -> str | None:
        """Say who agrees on what; `None` where the texts do not agree, or are fewer than `least`. Pure.

        Args:
            texts: Of the usable proposals, by slot.
            is_structured: Whether each is a JSON value.
        """
        if len(texts) < self.least:
            return None
        return self._same_answer(texts, is_structured) if self.by == "answers" else self._alike(texts)

    def common(self, answers: Sequence[Answer | None]) -> Answer | None:
        """Return the answer that so large a share of answers is; `None`: there is none, or too few have answered.

        Args:
            answers: Of the usable proposals, final ones; `None`: the proposal has none.
        """
        counts = Counter(answer for answer in answers if answer is not None)
        if len(answers) < self.least or not counts:
            return None
        [(answer, votes)] = counts.most_common(1)
        return answer if votes / len(answers) >= self.required_share - _TOLERANCE else None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, for TOML or JSON; `read_stop_when` gives them back."""
        return plain_table(self, waves=list(self.waves))

    def _same_answer(self, texts: Mapping[str, str], is_structured: bool) -> str | None:  # noqa: FBT001 - handed on
        read = _value if is_structured else _final_answer
        answers = {slot: read(text) for slot, text in texts.items()}
        common = self.common(list(answers.values()))
        if common is None:
            return None
        supporters = [slot for slot, own in answers.items() if own == common]
        counted = f"{len(supporters)} of {len(texts)} proposals give {common[:_LONGEST_ANSWER]!r}"
        return f"{counted} ({_named(supporters)})"

    def _alike(self, texts: Mapping[str, str]) -> str | None:
        similarity = agreement(list(texts.values()))
        if similarity is None or similarity < self.required_share:
            return None
        return f"{len(texts)} proposals are alike by {similarity:.2f} ({_named(list(texts))})"


def read_stop_when(what: str, value: object) -> StopWhen | None:
    """Return a rule as a user or a file gives it: a `StopWhen`, its `by` alone, its table, or `None`.

    Raises:
        ConfigurationError: It is something else, or a value is wrong.
    """
    if value is None or isinstance(value, StopWhen):
        return value
    if isinstance(value, str):
        checks.choice(what, value, get_args(AgreementBy))
        return StopWhen(by="lexical" if value == "lexical" else "answers")
    if not isinstance(value, Mapping):
        short = " or ".join(repr(word) for word in get_args(AgreementBy))
        raise ConfigurationError(f"{what} must be a StopWhen, {short}, its table, or None; got {checks.shown(value)}")
    return StopWhen(**checks.known_keys(what, value, [field.name for field in fields(StopWhen)]))


def _final_answer(text: str) -> str | None:
    answer = extract_answer(text)
    return None if answer is None else canonical(answer)


def _value(text: str) -> str | None:
    try:
        return comparable(json.loads(text))
    except ValueError:
        return None


def _named(slots: Sequence[str]) -> str:
    shown = ", ".join(slots[:_MOST_NAMES])
    return shown if len(slots) <= _MOST_NAMES else f"{shown} and {len(slots) - _MOST_NAMES} more"
