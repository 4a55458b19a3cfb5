"""Claims about a mixture on a real LangGraph server, driven by its SDK and by `RemoteGraph`."""

from __future__ import annotations

import pytest

from langgraph_moa.presets import list_presets
from tests.deployment.conftest import Outcomes
from tests.deployment.scenarios import RUNS_AT_ONCE, SMALLER
from tests.deployment.server import ANSWER

pytestmark = pytest.mark.timeout(300)  # of the first test: on a busy machine the server takes its time to start


def test_configuration_is_an_editable_schema(outcome: Outcomes) -> None:
    """The server tells every field of the configuration with its type, and the presets as a choice."""
    for kind in ("config_schema", "context_schema"):
        fields = outcome("schemas")[kind]["properties"]
        types = {name: field["type"] for name, field in fields.items()}
        assert types == {
            "preset": "string",
            "proposers": "array",
            "aggregator": "string",
            "depth": "integer",
            "quorum": "integer",
            "grace": "number",
            "deadline": "number",
            "swaps": "object",
        }
        assert fields["preset"]["enum"] == list(list_presets())


def test_every_proposer_is_a_node(outcome: Outcomes) -> None:
    """Without a configuration, the server draws the mixture that it was started with, slot by slot."""
    slots = {"layer_1_first", "layer_1_panel", "layer_1_join"}
    assert set(outcome("own_nodes")) == {"__start__", *slots, "aggregator", "__end__"}


def test_another_configuration_has_other_nodes(outcome: Outcomes) -> None:
    """An assistant of a smaller and deeper mixture is drawn, and run, as its configuration says."""
    nodes, proposals = outcome("another_assistant")
    slots = {f"layer_{number}_{slot}" for number in (1, 2) for slot in ("bm25", "lsa", "join")}
    assert set(nodes) == {"__start__", *slots, "aggregator", "__end__"}
    assert [proposal["model"] for proposal in proposals] == SMALLER["proposers"] * 2


def test_wrong_configuration_is_told(outcome: Outcomes) -> None:
    """An impossible quorum is told in the package's own words, to who draws the graph and to who runs it."""
    for told in outcome("wrong_configuration"):
        assert "Layer.quorum must be a whole number in 1..2, got 99" in told


def test_thread_keeps_the_conversation(outcome: Outcomes) -> None:
    """After two turns a thread has four messages, and a history that knows each step of both."""
    state, history = outcome("two_turns")
    assert [message["type"] for message in state["values"]["messages"]] == ["human", "ai"] * 2
    assert state["values"]["messages"][-1]["content"] == ANSWER
    steps = [tuple(sorted(checkpoint["next"])) for checkpoint in reversed(history)]
    turn = [("__start__",), ("layer_1_first", "layer_1_panel"), ("layer_1_join",), ("aggregator",), ()]
    assert steps == turn * 2


def test_stream_shows_proposers_tokens_and_progress(outcome: Outcomes) -> None:
    """A stream has the update of every node, the aggregator's tokens, and the events of every slot."""
    parts = outcome("streamed")
    assert {node for part in parts["updates"] for node in part} == {
        "layer_1_first",
        "layer_1_panel",
        "layer_1_join",
        "aggregator",
    }
    assert "".join(chunk["content"] for chunk, _ in parts["messages"]) == ANSWER
    assert {metadata["langgraph_node"] for _, metadata in parts["messages"]} == {"aggregator"}
    ended = {event["slot"] for event in parts["custom"] if event["event"] in ("finished", "done")}
    assert ended == {"first", "panel", "aggregator"}


def test_stream_shows_nested_mixtures(outcome: Outcomes) -> None:
    """With subgraphs, the updates and events of a mixture in a slot come under that slot's node."""
    nested = {name.partition(":")[0]: part for name, part in outcome("streamed").items() if "|" in name}
    assert set(nested) == {"updates|layer_1_panel", "custom|layer_1_panel"}
    assert [node for part in nested["updates|layer_1_panel"] for node in part] == [
        "layer_1_inner",
        "layer_1_join",
        "aggregator",
    ]


def test_background_runs_all_end(outcome: Outcomes) -> None:
    """Runs that are started side by side and joined have each an answer and all proposals."""
    joined = outcome("in_background")
    assert [values["messages"][-1]["content"] for values in joined] == [ANSWER] * RUNS_AT_ONCE
    assert [len(values["proposals"]) for values in joined] == [2] * RUNS_AT_ONCE


def test_interrupted_run_goes_on(outcome: Outcomes) -> None:
    """A run that stops before the aggregator has its proposals, and resumes to the answer without asking them again."""
    between, values = outcome("interrupted")
    kept = between["values"]["layers"]["1"]["proposals"]
    assert between["next"] == ["aggregator"]
    assert [proposal["status"] for proposal in kept] == ["ok", "ok"]
    assert values["messages"][-1]["content"] == ANSWER
    assert [proposal["started_at"] for proposal in values["proposals"]] == [proposal["started_at"] for proposal in kept]


def test_cancelled_run_closes_its_calls(outcome: Outcomes) -> None:
    """Cancelling a run closes the connection to the provider that it waits for."""
    assert outcome("cancelled") == ["interrupted", True]


def test_remote_mixture_is_a_node(outcome: Outcomes) -> None:
    """A local graph with the served mixture as a node gets its message, and streams the remote proposers' updates."""
    conversation, remote = outcome("as_node")
    assert conversation == ["What is the answer?", ANSWER]
    assert sorted(remote) == ["aggregator", "layer_1_first", "layer_1_join", "layer_1_panel"]


@pytest.mark.parametrize("scenario", ["as_proposer", "as_proposer_of_a_synchronous_run"])
def test_remote_mixture_is_a_proposer(outcome: Outcomes, scenario: str) -> None:
    """The served mixture in a slot is one proposal, which knows whose answer it is and the tokens of all its calls."""
    remote, merged = outcome(scenario)
    assert (remote["status"], remote["text"]) == ("ok", ANSWER)
    assert remote["nested"]["mixture"] == "served"
    answer = outcome("in_background")[0]["messages"][-1]
    assert remote["usage"] == answer["response_metadata"]["moa"]["usage"]["total"]
    assert merged == "merged"


def test_cancelled_slot_ends_the_remote_run(outcome: Outcomes) -> None:
    """A slot that asks for `on_disconnect="cancel"` ends the server's run when a quorum cuts it off."""
    assert outcome("cancelled_slot") == [["cancelled", "ok"], True]


def test_page_runs_as_printed(outcome: Outcomes) -> None:
    """The code of the recipe's page runs against the server, block by block, to the answers of both slots."""
    assert outcome("page") == ["ok", "ok"]
