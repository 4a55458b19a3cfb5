"""Every error of this package.

```
MoAError
├── ConfigurationError      (also ValueError)   the recipe is wrong: fix it and build again
│   └── SelfReferenceError                      a mixture was called from within itself
├── MissingDependencyError  (also ImportError)  a package is missing: install it
├── MissingKeyError                             an API key is missing: set it
├── QuorumError                                 too few proposers answered; holds every proposal
├── ContextWindowError                          references are too long for a model; see Mixture.on_overflow
├── BudgetError                                 what is left of the plan would pass the budget
├── AggregatorError                             the aggregator failed; holds the finished proposals
├── JudgeError                                  the judge of an evaluation gave no verdict
└── StructuredOutputError                       the answer does not fit its schema; holds its text
```

All of them pickle, so they cross processes with what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class MoAError(Exception):
    """Base of all errors raised by `langgraph_moa`."""


class ConfigurationError(MoAError, ValueError):
    """A recipe, file or option is wrong. The message names the value, what is allowed and what to do."""


class SelfReferenceError(ConfigurationError):
    """A mixture was called from within itself: it would go on for ever."""


class MissingDependencyError(MoAError, ImportError):
    """An optional package is not installed. The message holds the command that installs it."""


class MissingKeyError(MoAError):
    """A provider's API key is not set. No request was made."""


class BudgetError(MoAError):
    """What is left of the plan would pass a limit of `Mixture.budget`. None of it was called.

    Args:
        limit: `"max_cost"`, `"max_tokens"` or `"max_seconds"`.
        allowed: That limit: US dollars, tokens or seconds.
        spent: What was used so far.
        needed: What is left of the plan takes at most, estimated; of seconds, 0.
        proposals: Every finished proposal, layer by layer, in configured order.
    """

    def __init__(
        self, limit: str, allowed: float, spent: float, needed: float, proposals: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        self.limit = limit
        self.allowed = allowed
        self.spent = spent
        self.needed = needed
        self.proposals = list(proposals)
        advice = _BUDGET_ADVICE if limit in ("max_cost", "max_tokens") else ""
        super().__init__(
            f"the budget's {limit} is {_amount(limit, allowed)}: {_amount(limit, spent)} were used, and what is left "
            f"of the plan takes up to {_amount(limit, needed)}. Raise {limit}{advice}"
            + (f". Proposals kept in .proposals: {len(self.proposals)}" if self.proposals else "")
        )

    def __reduce__(self) -> tuple[type[BudgetError], tuple[str, float, float, float, list[Mapping[str, Any]]]]:
        return type(self), (self.limit, self.allowed, self.spent, self.needed, self.proposals)


class ContextWindowError(MoAError):
    """A request is longer than the context window of its slot. No call was made for it; what was answered is kept.

    Args:
        slot: Name of the node.
        needed: Tokens of the request, estimated.
        available: Tokens that the context window leaves for it.
        proposals: Every finished proposal, layer by layer, in configured order.
    """

    def __init__(self, slot: str, needed: int, available: int, proposals: Sequence[Mapping[str, Any]] = ()) -> None:
        self.slot = slot
        self.needed = needed
        self.available = available
        self.proposals = list(proposals)
        super().__init__(
            f"{slot}: the request takes about {needed} tokens, its context window leaves {max(0, available)}. Shorten "
            "the conversation, lower max_tokens, or raise context_window if the model can take more"
        )

    def __reduce__(self) -> tuple[type[ContextWindowError], tuple[str, int, int, list[Mapping[str, Any]]]]:
        return type(self), (self.slot, self.needed, self.available, self.proposals)


class QuorumError(MoAError):
    """Fewer proposers gave a usable answer than the layer needs. The aggregator was not called.

    Args:
        layer: Number of the layer, counted from 1.
        quorum: Usable proposals that the layer needs.
        proposals: Every proposal so far with its status, layer by layer, in configured order.
    """

    def __init__(self, layer: int, quorum: int, proposals: Sequence[Mapping[str, Any]]) -> None:
        self.layer = layer
        self.quorum = quorum
        self.proposals = list(proposals)
        own = [proposal for proposal in self.proposals if proposal.get("layer", layer) == layer]
        usable = sum(proposal["status"] == "ok" for proposal in own)
        super().__init__(
            f"layer {layer}: {usable} of {len(own)} proposers gave a usable answer, {quorum} needed "
            f"({_causes(own)}). {f'Lower Layer.quorum to {usable}, or mend' if usable else 'Mend'} "
            "or replace these models."
        )

    def __reduce__(self) -> tuple[type[QuorumError], tuple[int, int, list[Mapping[str, Any]]]]:
        return type(self), (self.layer, self.quorum, self.proposals)


class AggregatorError(MoAError):
    """The aggregator and its fallbacks failed. What the proposers said is kept.

    Args:
        cause: Kind and message of the failure, with secrets removed.
        proposals: Every finished proposal, layer by layer, in configured order.
        kind: Class of the failure, such as `RateLimitError`; `None`: there was no exception, or nobody says.
    """

    def __init__(self, cause: str, proposals: Sequence[Mapping[str, Any]], kind: str | None = None) -> None:
        self.cause = cause
        self.proposals = list(proposals)
        self.kind = kind
        usable = sum(proposal["status"] == "ok" for proposal in self.proposals)
        super().__init__(
            f"the aggregator failed: {cause.removesuffix('.')}. Usable proposals kept in .proposals: {usable}. "
            "Name another model in Aggregator(fallbacks=...), or call again."
        )

    def __reduce__(self) -> tuple[type[AggregatorError], tuple[str, list[Mapping[str, Any]], str | None]]:
        return type(self), (self.cause, self.proposals, self.kind)


class JudgeError(MoAError):
    """The judge of an evaluation and its fallbacks failed. A verdict that came and cannot be read is none of these.

    Args:
        model: The judge.
        cause: Kind and message of the failure, with secrets removed.
    """

    def __init__(self, model: str, cause: str) -> None:
        self.model = model
        self.cause = cause
        super().__init__(
            f"the judge {model} gave no verdict: {cause.removesuffix('.')}. Run again, or name another judge"
        )

    def __reduce__(self) -> tuple[type[JudgeError], tuple[str, str]]:
        return type(self), (self.model, self.cause)


_BUDGET_ADVICE = ", set a lower max_tokens or Budget.answer_tokens, or take fewer or cheaper models"


def _amount(limit: str, amount: float) -> str:
    """Write dollars, tokens or seconds."""
    if limit == "max_cost":
        return f"${amount:.4f}"
    return f"{amount:,.0f} tokens" if limit == "max_tokens" else f"{amount:.3g} s"


class StructuredOutputError(MoAError):
    """The answer does not fit its schema, and neither does the one that was asked for in its place.

    Args:
        schema: Name of the schema.
        why: What is wrong with the last answer, in one line, with secrets removed.
        raw: The text of that answer, as it came.
        proposals: Every finished proposal, layer by layer, in configured order.
    """

    def __init__(self, schema: str, why: str, raw: str, proposals: Sequence[Mapping[str, Any]] = ()) -> None:
        self.schema = schema
        self.why = why
        self.raw = raw
        self.proposals = list(proposals)
        super().__init__(
            f"the answer does not fit the schema {schema!r}, also when asked once more: {why.removesuffix('.')}. What "
            "came is in .raw. Simplify the schema, or let a model answer that is better at structured output"
        )

    def __reduce__(self) -> tuple[type[StructuredOutputError], tuple[str, str, str, list[Mapping[str, Any]]]]:
        return type(self), (self.schema, self.why, self.raw, self.proposals)


def _causes(proposals: Sequence[Mapping[str, Any]]) -> str:
    """Say why each unusable proposal is unusable, in one line."""
    failed = [proposal for proposal in proposals if proposal["status"] != "ok"]
    return "; ".join(
        f"{proposal['proposer']}: {proposal['status']}"
        + (f", {proposal['error']['message']}" if proposal["error"] else "")
        for proposal in failed
    )
