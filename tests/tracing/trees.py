"""Run trees, rebuilt from what a tracing client has sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from langgraph_moa.proposal import Usage

_METADATA = "langsmith.metadata."


@dataclass(eq=False)
class TracedRun:
    """One run, with those that it has started."""

    id: str
    parent_id: str | None
    """`None` for the root of a tree."""
    trace_id: str
    name: str
    kind: str
    """`"llm"`, `"chain"`, `"tool"` ..."""
    tags: frozenset[str]
    metadata: Mapping[str, Any]
    outputs: Any
    error: str | None
    ended: bool
    children: list[TracedRun] = field(default_factory=list)

    def walk(self) -> Iterator[TracedRun]:
        """Go through the run and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()

    def named(self, name: str) -> list[TracedRun]:
        """Return the runs of that name, this one and those below it."""
        return [run for run in self.walk() if run.name == name]

    def models(self) -> list[TracedRun]:
        """Return the runs of models."""
        return [run for run in self.walk() if run.kind == "llm"]

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What LangSmith counts as the run's own tokens."""
        return self.metadata.get("usage_metadata")


def trees_of_runs(runs: Iterable[Mapping[str, Any]]) -> list[TracedRun]:
    """Return the roots of LangSmith's runs, each of which holds all that was posted and patched of it."""
    return _joined(_from_run(run) for run in runs)


def trees_of_spans(spans: Iterable[Span]) -> list[TracedRun]:
    """Return the roots of OpenTelemetry's spans."""
    return _joined(_from_span(span) for span in spans)


def total_of(usages: Iterable[Mapping[str, Any] | Usage | None]) -> tuple[int, int, int]:
    """Add input, output and total tokens of what has reported any."""
    known = [usage for usage in usages if usage is not None]
    first, second, third = (
        sum(usage[key] or 0 for usage in known) for key in ("input_tokens", "output_tokens", "total_tokens")
    )
    return first, second, third


def _joined(runs: Iterable[TracedRun]) -> list[TracedRun]:
    """Put every run below its parent; one whose parent is not there stays a root."""
    by_id = {run.id: run for run in runs}
    roots: list[TracedRun] = []
    for run in by_id.values():
        parent = by_id.get(run.parent_id or "")
        (roots if parent is None else parent.children).append(run)
    return roots


def _from_run(run: Mapping[str, Any]) -> TracedRun:
    extra = run.get("extra") or {}
    return TracedRun(
        id=run["id"],
        parent_id=run.get("parent_run_id"),
        trace_id=run["trace_id"],
        name=run["name"],
        kind=run["run_type"],
        tags=frozenset(run.get("tags") or ()),
        metadata=extra.get("metadata") or {},
        outputs=run.get("outputs"),
        error=run.get("error"),
        ended=run.get("end_time") is not None,
    )


def _from_span(span: Span) -> TracedRun:
    attributes = {pair.key: _plain(pair.value) for pair in span.attributes}
    return TracedRun(
        id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        trace_id=span.trace_id.hex(),
        name=span.name,
        kind=str(attributes.get("langsmith.span.kind")),
        tags=frozenset(str(attributes.get("langsmith.span.tags", "")).split(", ")),
        metadata={key.removeprefix(_METADATA): attributes[key] for key in attributes if key.startswith(_METADATA)},
        outputs=attributes.get("gen_ai.completion"),
        error=span.status.message or None,
        ended=span.end_time_unix_nano > 0,
    )


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)
