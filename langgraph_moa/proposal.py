"""What a proposer answered, or why it did not: plain data, no I/O."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from typing_extensions import TypedDict

from langgraph_moa.surrogates import well_formed

Status = Literal["ok", "error", "timeout", "cancelled", "empty", "refused", "skipped"]
"""`ok` is the only usable one. `cancelled`: the quorum was reached without it. `empty`: no visible text."""


class Failure(TypedDict):
    """Why there is no usable answer."""

    kind: str
    """Class name of the exception, or a word for what was missing."""
    message: str
    """One line, with secrets removed."""


class Usage(TypedDict):
    """Tokens of one call or of several. What a provider did not report is `None`, never 0."""

    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    """Input tokens that the provider read from its prompt cache."""
    reasoning_tokens: int | None
    """Output tokens that were spent on hidden reasoning."""
    input_details: NotRequired[dict[str, int]]
    """Further counts of input tokens, by LangChain's names, such as `cache_creation` and `audio`."""
    output_details: NotRequired[dict[str, int]]
    """Further counts of output tokens, by LangChain's names, such as `audio`."""


class NestedRun(TypedDict):
    """What is known of the run of a mixture that sits in a slot."""

    mixture: str
    degraded: bool
    missing: list[str]
    """Its slots without a usable answer, the first 100."""
    cost: float | None
    """US dollars of all its calls, as far as they are known."""
    unpriced: list[str]
    """Its models that were called and whose cost is unknown, the first 100; itself, where it does not say."""
    unknown: NotRequired[list[str]]
    """Its seats whose tokens are not all known, the first 100."""


class CallRecord(TypedDict):
    """One request: of the model that was asked for, of a fallback, or a retry of either."""

    model: str
    fallback: int
    """0 for the model that was asked for, from 1 on for its fallbacks."""
    usage: Usage | None
    """Of all model calls below it, as far as it is known: also of those that LangChain's cache has answered."""
    nested: NestedRun | None
    error: Failure | None
    unreported: NotRequired[int]
    """Model calls below it that have not told their tokens, failed ones among them."""
    cached: NotRequired[bool]
    """Whether LangChain's cache has answered every model call below it: then nobody bills it."""
    billed: NotRequired[Usage | None]
    """`usage` without what came from LangChain's cache, where anything did; `None`: nothing else is known."""
    hedge: NotRequired[bool]
    """Whether it was made beside the slot's first one, which took long."""
    recorded: NotRequired[bool]
    """Whether a tape has answered: then its tokens and its cost were paid when it was recorded."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seat is."""

    layer: int
    """Counted from 1; the aggregator's is the number of layers and one more."""
    index: int
    slot: str


class Proposal(TypedDict):
    """One slot's answer in one layer. Only strings, numbers and dicts, so that every checkpointer can keep it."""

    layer: int
    """Counted from 1."""
    index: int
    """Position in the layer, counted from 0; the order of the references."""
    proposer: str
    """Name of the slot."""
    model: str
    """The model that was asked for."""
    served_model: str | None
    """The model that answered, as the provider names it, or the fallback that did."""
    status: Status
    text: str
    """Visible text only; empty unless `status` is `ok`."""
    error: Failure | None
    latency: float | None
    """Seconds of the models that were asked, until the answer or the failure; `None` when no request was made."""
    waited: float
    """Seconds besides: for a place under `Mixture.limits`, and before retries."""
    started_at: float | None
    """Unix time, in seconds, at which the slot began to ask, or to wait; `None` when it did neither."""
    attempts: int
    """Requests that were made, retries and fallbacks included."""
    usage: Usage | None
    """Of all calls for this answer: those of empty answers before it, of an agent's turns, of a nested mixture."""
    finish_reason: str | None
    calls: list[CallRecord]
    """Every request, in turn."""
    shortened: int
    """References that were shortened in this slot's request, to fit its context window."""
    nested: NestedRun | None
    """Of a mixture that answered in this slot."""
    edited: bool
    """Whether a person has written `text`; the rest is of the calls that were made before."""


LONGEST_WORD = 200
"""Characters that are kept of a name or a word that a provider or a remote graph gives."""
MOST_ENTRIES = 100
"""That are kept of a list that a remote graph gives."""
_DETAILS = ("input_details", "output_details")
_COUNTS = tuple(field for field in Usage.__annotations__ if field not in _DETAILS)
_LARGEST = 2**53 - 1
"""Of tokens or dollars: whole numbers up to here are exact in JSON everywhere, and no bill is larger."""
_THINK_MARK = re.compile(r"<think>|</think>\s*")
_UNOPENED_THINKING = re.compile(r"\A.*?</think>[ \t]*$\s*", re.DOTALL | re.MULTILINE)
_UNCLOSED_THINKING = re.compile(r"(?:\A\s*|^[ \t]*)<think>.*\Z", re.DOTALL | re.MULTILINE)
_REFUSALS = {"content_filter", "refusal", "safety", "prohibited_content", "recitation", "blocklist", "spii"}
"""Reasons to stop with which providers mark an answer as withheld."""


def visible_text(message: BaseMessage) -> str:
    """Return what a reader would see: no thinking blocks, no `<think>` passages, no tool calls, no half characters.

    A passage that is not closed must begin a line, and one that the chat template has opened must close at the end of
    a line: elsewhere the mark is taken for text. Text without such a mark comes back byte for byte, save that U+FFFD
    stands for each lone surrogate. The time grows with the length alone.
    """
    content = message.content
    text = well_formed(content if isinstance(content, str) else "".join(_block_text(block) for block in content))
    if "</think>" in text:
        text = _UNOPENED_THINKING.sub("", _without_closed_thinking(text))
    return _UNCLOSED_THINKING.sub("", text) if "<think>" in text else text


def _without_closed_thinking(text: str) -> str:
    """Remove each passage from a `<think>` to its own `</think>`, with the space behind it."""
    opened: list[int] = []
    closed: list[tuple[int, int]] = []
    for mark in _THINK_MARK.finditer(text):
        if mark[0] == "<think>":
            opened.append(mark.start())
        elif opened:
            start = opened.pop()
            while closed and closed[-1][0] > start:
                closed.pop()
            closed.append((start, mark.end()))
    kept, position = [], 0
    for start, end in closed:
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def is_usable(proposal: Proposal) -> bool:
    """Say whether a proposal may be shown to the next stage and counts for the quorum."""
    return proposal["status"] == "ok"


def skipped(place: Place, model: str, failure: Failure) -> Proposal:
    """Return the proposal of a slot that no request was made for."""
    return Proposal(
        layer=place.layer,
        index=place.index,
        proposer=place.slot,
        model=model,
        served_model=None,
        status="skipped",
        text="",
        error=failure,
        latency=None,
        waited=0.0,
        started_at=None,
        attempts=0,
        usage=None,
        finish_reason=None,
        calls=[],
        nested=None,
        shortened=0,
        edited=False,
    )


def of_earlier_run(proposal: Proposal) -> Proposal:
    """Return a proposal without what it took: time, requests and tokens belong to the run that it was made in."""
    taken: dict[str, Any] = {"latency": None, "waited": 0.0, "started_at": None, "attempts": 0}
    taken |= {"usage": None, "calls": []}
    return cast("Proposal", {**proposal, **taken})


def one_after_the_other(proposals: Sequence[Proposal]) -> Proposal:
    """Return the record of a seat that was called several times: of the last call, with what all of them took."""
    if len(proposals) == 1:
        return proposals[0]
    latencies = [proposal["latency"] for proposal in proposals if proposal["latency"] is not None]
    taken = {
        "latency": sum(latencies) if latencies else None,
        "waited": sum(proposal["waited"] for proposal in proposals),
        "started_at": proposals[0]["started_at"],
        "attempts": sum(proposal["attempts"] for proposal in proposals),
        "usage": sum_usage([proposal["usage"] for proposal in proposals]),
        "calls": [call for proposal in proposals for call in proposal["calls"]],
    }
    return cast("Proposal", {**proposals[-1], **taken})


def status_of(message: AIMessage) -> Status:
    """Classify an answer as `ok`, `empty` or `refused`; a refusal is told by the provider's own mark."""
    blocks = message.content if isinstance(message.content, list) else []
    refused = (
        bool(message.additional_kwargs.get("refusal"))
        or (finish_reason(message) or "").lower() in _REFUSALS
        or any(isinstance(block, dict) and block.get("type") == "refusal" for block in blocks)
    )
    if refused:
        return "refused"
    return "ok" if visible_text(message).strip() else "empty"


def finish_reason(message: AIMessage) -> str | None:
    """Return why the model stopped, in the provider's word, of which 200 characters are kept."""
    return _first_word(message, "finish_reason", "stop_reason", "done_reason")


def served_model(message: AIMessage) -> str | None:
    """Return the model that the provider says has answered, 200 characters of its name at most."""
    return _first_word(message, "model_name", "model")


def nested_run(message: AIMessage) -> NestedRun | None:
    """Return what a mixture says of the run that made its answer; `None` when no mixture made it.

    A remote graph may be of another version, or lie: what is not of the type that is written here is taken for unknown.
    """
    summary = _table(message.response_metadata.get("moa"))
    mixture, degraded = _word(summary.get("mixture")), summary.get("degraded")
    if mixture is None or not isinstance(degraded, bool):
        return None
    cost = _table(summary.get("cost"))
    total, unpriced = _dollars(cost.get("total")), _entries(cost.get("unpriced"))
    names = [_word(name) for name in unpriced]
    if None in names or not isinstance(cost.get("unpriced"), list) or (total is None and not names):
        names = [mixture]
    return NestedRun(
        mixture=mixture,
        degraded=degraded,
        missing=[node for item in _entries(summary.get("missing")) if (node := _node(_table(item))) is not None],
        cost=total,
        unpriced=[name for name in names if name is not None],
        unknown=[seat for seat in map(_word, _entries(_table(summary.get("usage")).get("unknown"))) if seat],
    )


def billed_usage(call: CallRecord) -> Usage | None:
    """Return the tokens of a request that a provider bills: those from LangChain's cache are not among them."""
    return call["billed"] if "billed" in call else call["usage"]


def usage_of(message: AIMessage) -> Usage | None:
    """Return the tokens a message reports; those of all its calls if a mixture made it. No count, no tokens known."""
    mixture = _table(message.response_metadata.get("moa"))
    if "usage" in mixture:
        return _usage(_table(_table(mixture["usage"]).get("total")))
    return reported_usage(message)


def reported_usage(message: AIMessage) -> Usage | None:
    """Return the tokens that a message itself reports, whoever made it."""
    reported = _table(message.usage_metadata)
    read, written = (dict(_table(reported.get(f"{side}_token_details"))) for side in ("input", "output"))
    special = {"cached_tokens": read.pop("cache_read", None), "reasoning_tokens": written.pop("reasoning", None)}
    return _usage({**reported, **special, "input_details": read, "output_details": written})


def is_from_cache(message: AIMessage) -> bool:
    """Say whether LangChain's cache has answered: it reports the tokens of the first call again, at a cost of 0."""
    cost = _table(message.usage_metadata).get("total_cost")
    return cost == 0 and not isinstance(cost, bool)


def as_usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Return tokens as LangChain's messages report them; `None` where they do not say what was read and written.

    For several calls it is what LangChain's `add_usage` makes of theirs, key by key.
    """
    if usage is None or usage["input_tokens"] is None or usage["output_tokens"] is None:
        return None
    read, written = usage["input_tokens"], usage["output_tokens"]
    metadata = UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written if usage["total_tokens"] is None else usage["total_tokens"],
    )
    cached, reasoning = usage["cached_tokens"], usage["reasoning_tokens"]
    of_input = ({} if cached is None else {"cache_read": cached}) | usage.get("input_details", {})
    of_output = ({} if reasoning is None else {"reasoning": reasoning}) | usage.get("output_details", {})
    if of_input:
        metadata["input_token_details"] = cast("InputTokenDetails", of_input)
    if of_output:
        metadata["output_token_details"] = cast("OutputTokenDetails", of_output)
    return metadata


def sum_usage(usages: Sequence[Usage | None]) -> Usage | None:
    """Add up what is known; `None` when nothing is."""
    known = [usage for usage in usages if usage is not None]
    if not known:
        return None
    total: dict[str, Any] = {}
    for field in _COUNTS:
        values = [cast("dict[str, int | None]", usage)[field] for usage in known]
        reported = [value for value in values if value is not None]
        total[field] = sum(reported) if reported else None
    for field in _DETAILS:
        details: Counter[str] = Counter()
        for usage in known:
            details.update(cast("dict[str, dict[str, int]]", usage).get(field, {}))
        total |= {field: dict(details)} if details else {}
    return cast("Usage", total)


def _block_text(block: str | dict[str, Any]) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text") if block.get("type") in ("text", "output_text") else None
    return text if isinstance(text, str) else ""


def _first_word(message: AIMessage, *keys: str) -> str | None:
    """Return the first of these entries of a message's metadata that says something."""
    words = (_word(message.response_metadata.get(key)) for key in keys)
    return next((word for word in words if word is not None), None)


def _usage(said: dict[str, Any]) -> Usage | None:
    """Return the counts that are counts, of a usage in its written form; `None` when there is none."""
    counts = {field: _count(said.get(field)) for field in _COUNTS}
    details = {field: found for field in _DETAILS if (found := _counts(_table(said.get(field))))}
    if not details and all(count is None for count in counts.values()):
        return None
    return cast("Usage", {**counts, **details})


def _counts(details: dict[str, Any]) -> dict[str, int]:
    """Return the entries of a table that are counts, the first 100."""
    counts = ((_word(name), _count(value)) for name, value in details.items())
    known = ((name, count) for name, count in counts if name is not None and count is not None)
    return dict(itertools.islice(known, MOST_ENTRIES))


def _node(missing: dict[str, Any]) -> str | None:
    layer, slot = _count(missing.get("layer")), _word(missing.get("proposer"))
    return None if layer is None or slot is None else f"layer_{layer}_{slot}"


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(value: object) -> list[Any]:
    return value[:MOST_ENTRIES] if isinstance(value, list) else []


def _word(value: object) -> str | None:
    return (well_formed(value[:LONGEST_WORD]) or None) if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def _dollars(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LARGEST else None  # NaN is in no range
