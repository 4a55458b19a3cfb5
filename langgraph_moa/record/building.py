"""A record, built from what was heard of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from langchain_core.messages import AIMessage

from langgraph_moa.failures import failure_of
from langgraph_moa.proposal import CallRecord, Failure, Place, Proposal, skipped
from langgraph_moa.record.calls import LONGEST_ERROR, Asked, Key
from langgraph_moa.record.hearing import Heard, HeardMixture
from langgraph_moa.record.run_record import RunRecord, Said, Seat, Stage
from langgraph_moa.record.seats import (
    AGGREGATOR,
    Told,
    aggregator,
    asked_in,
    in_order,
    seat_with,
    seat_without,
    told_by,
)
from langgraph_moa.record.spoken import conversation, shown
from langgraph_moa.state import LayerRecord, records_of
from langgraph_moa.summary import MoASummary, SlotUsage, summarize
from langgraph_moa.usage import PriceTable


def build_record(run: HeardMixture, prices: PriceTable) -> RunRecord:
    """Return the record of a run, as far as it has come.

    Args:
        run: What was heard.
        prices: For the cost of a run without a summary of its own.
    """
    graph, told, layers, answer = run.graph, told_by(run), _layers(run), _answer(run)
    written = _written(layers)
    labels = {key: seat.model for key, seat in told.items()}
    asked = asked_in(run, labels | {key: proposal["model"] for key, proposal in written.items()})
    own = None if answer is None else cast("MoASummary", answer.response_metadata["moa"])
    sums = own or _reckoned(told, layers, asked, prices)
    slots = {} if sums is None else {(slot["layer"], slot["slot"]): slot for slot in sums["usage"]["slots"]}
    seats = _of_layers(written, told, asked, slots)
    last = _node_of_aggregator(run)
    if AGGREGATOR in told and last is not None:
        seats.append(aggregator(told[AGGREGATOR], last, asked.get(AGGREGATOR), slots.get(AGGREGATOR), answer))
    is_settled = sums is not None and graph.error is None and graph.ended is not None
    return RunRecord(
        mixture=next((event["mixture"] for _, event in run.events), graph.name or ""),
        started_at=run.started_at,
        seconds=None if graph.ended is None else graph.ended - graph.began,
        messages=_asked(run),
        answer=None if answer is None else shown(answer),
        error=None if graph.error is None else failure_of(graph.error, longest=LONGEST_ERROR),
        degraded=sums["degraded"] if sums is not None and is_settled else None,
        missing=() if sums is None else tuple(sums["missing"]),
        usage=None if sums is None else sums["usage"]["total"],
        cost=None if sums is None else sums["cost"],
        timing=None if own is None else own["timing"],
        stages=tuple(
            Stage("aggregator" if layer is None else f"layer {layer}", layer, tuple(found))
            for layer, found in in_order(seats).items()
        ),
    )


def _layers(run: HeardMixture) -> dict[str, LayerRecord]:
    """Return what each layer left behind; of a layer that the run did not come to the end of, what its slots wrote."""
    layers: dict[str, LayerRecord] = {}
    proposals: dict[Key, Proposal] = {}
    warm_ups: list[Proposal] = []
    for node in run.nodes:
        gave = node.gave if isinstance(node.gave, Mapping) else {}
        layers |= gave.get("layers") or {}
        warm_ups += gave.get("warm_ups") or ()
        proposals |= {(each["layer"], each["proposer"]): each for each in gave.get("proposals") or ()}
    for each in getattr(run.graph.error, "proposals", ()):
        proposals[each["layer"], each["proposer"]] = cast("Proposal", dict(each))
    for number, record in records_of(list(proposals.values())).items():
        layers.setdefault(number, record)
    for each in warm_ups:
        record = layers.setdefault(str(each["layer"]), LayerRecord(proposals=[], synthesis=None, substitute=None))
        layers[str(each["layer"])] = {**record, "warm_up": each}
    return dict(sorted(layers.items(), key=lambda item: int(item[0])))


def _written(layers: Mapping[str, LayerRecord]) -> dict[Key, Proposal]:
    """Return what each seat of the layers has written, in configured order."""
    written: dict[Key, Proposal] = {}
    for number, record in layers.items():
        beside = [record["synthesis"], record.get("warm_up")]
        for proposal in (*record["proposals"], *(each for each in beside if each is not None)):
            written[int(number), proposal["proposer"]] = proposal
    return written


def _answer(run: HeardMixture) -> AIMessage | None:
    node = _node_of_aggregator(run)
    messages = node.gave.get("messages") if node is not None and isinstance(node.gave, Mapping) else None
    return messages[-1] if messages and isinstance(messages[-1], AIMessage) else None


def _node_of_aggregator(run: HeardMixture) -> Heard | None:
    return next((node for node in reversed(run.nodes) if node.metadata.get("langgraph_node") == AGGREGATOR[1]), None)


def _asked(run: HeardMixture) -> tuple[Said, ...]:
    """Return the conversation as the first node has read it: a checkpointer may have held a part of it."""
    for heard in (*run.nodes, run.graph):
        if isinstance(heard.given, Mapping) and heard.given.get("messages"):
            return conversation(heard.given["messages"])
    return ()


def _reckoned(
    told: Mapping[Key, Told], layers: dict[str, LayerRecord], asked: Mapping[Key, Asked], prices: PriceTable
) -> MoASummary | None:
    """Return the sums of a run without an answer; `None` where no seat has written anything.

    What an aggregator took that has failed is not told: its model then counts as one whose cost is unknown.
    """
    if not layers:
        return None
    label = told[AGGREGATOR].model if AGGREGATOR in told else ""
    answer = skipped(Place(len(layers) + 1, 0, AGGREGATOR[1]), label, Failure(kind="NoAnswer", message=""))
    unknown = CallRecord(model=label, fallback=0, usage=None, nested=None, error=None)
    answer["calls"] = [unknown] * (asked[AGGREGATOR].requests if AGGREGATOR in asked else 0)
    return summarize("", layers, answer, prices=prices)


def _of_layers(
    written: Mapping[Key, Proposal],
    told: Mapping[Key, Told],
    asked: Mapping[Key, Asked],
    slots: Mapping[Key, SlotUsage],
) -> list[Seat]:
    """Return every seat of the layers: those that have written something in configured order, then the others."""
    seats = [seat_with(each, told.get(key), asked.get(key), slots.get(key)) for key, each in written.items()]
    others = [key for key in told if key not in written and key != AGGREGATOR]
    return seats + [seat_without(key, told[key], asked.get(key)) for key in others]
