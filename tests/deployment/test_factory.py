"""Claims about the factory that a LangGraph server calls, without a server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig

from langgraph_moa import ConfigurationError, Mixture, list_presets, load_preset
from langgraph_moa.cli import selection
from langgraph_moa.compiled import MoAGraph
from langgraph_moa.deployment import (
    PRESET_VARIABLE,
    MixtureConfiguration,
    configured_mixture,
    mixture_graph,
    read_configuration,
)
from langgraph_moa.mixture.seats import model_label

ROOT = Path(__file__).parents[2]
READERS = ["offline:bm25", "offline:lsa"]
FILE = '{{"name": "filed", "proposers": {proposers}, "aggregator": "offline:agreement"}}'


def graph_of(configurable: dict[str, Any]) -> MoAGraph:
    """Return what a server gets."""
    return asyncio.run(mixture_graph(RunnableConfig(configurable=configurable)))


def models(mixture: Mixture) -> list[list[str]]:
    """Return the models of every layer."""
    return [[model_label(slot.proposer.model) for slot in slots] for slots in mixture.slots]


def write(path: Path, proposers: list[str]) -> None:
    """Write a mixture file."""
    path.write_text(FILE.format(proposers=json.dumps(proposers)), encoding="utf-8")


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_can_be_drawn(name: str) -> None:
    """Each preset becomes a graph with a node for each of its slots, with no key in the environment."""
    slots = {slot.node for layer in load_preset(name).slots for slot in layer}
    assert slots < set(graph_of({"preset": name}).nodes)


def test_nothing_given_is_the_embedded_default() -> None:
    """Without a configuration and a variable, the mixture is the one that needs no key, as the preset has it."""
    assert configured_mixture({}) == load_preset("offline")


def test_proposers_stand_in_every_layer() -> None:
    """Given proposers replace those of all layers, as many as the depth says."""
    mixture = configured_mixture({"proposers": READERS, "depth": 4})
    assert models(mixture) == [READERS] * 3
    assert mixture.preset is None


def test_layers_take_quorum_grace_and_deadline() -> None:
    """Quorum, grace and deadline hold for every layer."""
    mixture = configured_mixture({"depth": 3, "quorum": 2, "grace": 0.5, "deadline": 9.0})
    assert [(layer.quorum, layer.grace, layer.deadline) for layer in mixture.layers] == [(2, 0.5, 9.0)] * 2


def test_depth_repeats_and_drops_the_last_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deeper mixture repeats its last layer, and one that is less deep keeps its first ones."""
    layers = [{"proposers": [model]} for model in READERS]
    path = tmp_path / "unequal.json"
    path.write_text(json.dumps({"layers": layers, "aggregator": "offline:agreement"}), encoding="utf-8")
    monkeypatch.setenv(PRESET_VARIABLE, str(path))
    first, last = READERS
    assert models(configured_mixture({"depth": 4})) == [[first], [last], [last]]
    assert models(configured_mixture({"depth": 2})) == [[first]]


def test_seats_are_swapped_last() -> None:
    """A swap names a seat of the mixture as the other fields have made it."""
    mixture = configured_mixture(
        {
            "proposers": READERS,
            "aggregator": "offline:bm25",
            "swaps": {"lsa": "offline:ngrams", "aggregator": READERS[1]},
        }
    )
    assert models(mixture) == [["offline:bm25", "offline:ngrams"]]
    assert mixture.merger.label == READERS[1]


def test_limits_of_models_that_are_gone_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit goes with the last model that it is for, whichever seats are changed."""
    path = tmp_path / "limited.json"
    limited = Mixture.of(["openai:a", "together:a/b"], "together:a/b", limits={"openai": 1, "together": 2})
    path.write_text(json.dumps(limited.to_dict()), encoding="utf-8")
    monkeypatch.setenv(PRESET_VARIABLE, str(path))
    assert set(configured_mixture({"proposers": READERS}).limits) == {"together"}
    assert set(configured_mixture({"proposers": READERS, "aggregator": READERS[0]}).limits) == set()


@pytest.mark.parametrize(
    ("configurable", "told"),
    [
        ({"preset": "ofline"}, "Did you mean 'offline'"),
        ({"preset": "mixture.toml"}, "there is no preset 'mixture.toml'"),
        ({"proposers": ["gpt-4o"]}, r"configurable\.proposers\.0: .*provider:model.*'gpt-4o'"),
        ({"proposers": "openai:gpt-4o"}, r"configurable\.proposers: .*valid list"),
        ({"aggregator": "nobody:model"}, "unknown provider 'nobody'"),
        ({"depth": 1}, r"configurable\.depth: .*greater than or equal to 2; got 1"),
        ({"depth": 65}, r"configurable\.depth: .*less than or equal to 64; got 65"),
        ({"quorum": 6}, r"Layer\.quorum must be a whole number in 1\.\.5, got 6"),
        ({"deadline": 0}, r"configurable\.deadline: .*greater than 0; got 0"),
        ({"grace": -1}, r"configurable\.grace: "),
        ({"swaps": {"nobody": "offline:bm25"}}, "nothing is named 'nobody'"),
        ({"quorom": 2}, r"configurable\.quorom is unknown\. Did you mean 'quorum'"),
    ],
)
def test_wrong_values_are_told(configurable: dict[str, Any], told: str) -> None:
    """What is wrong in a configuration is told by name and value, when the graph is made."""
    with pytest.raises(ConfigurationError, match=told):
        graph_of(configurable)


def test_pasted_key_is_not_told() -> None:
    """A key that is put where a model belongs does not stand in the error, which a server keeps and shows."""
    with pytest.raises(ConfigurationError) as caught:
        graph_of({"aggregator": "sk-proj-0123456789abcdefghij"})
    assert "0123456789" not in str(caught.value)


def test_a_preset_of_a_configuration_is_never_a_file(tmp_path: Path) -> None:
    """Whoever writes an assistant cannot have the server read a file by its path."""
    path = tmp_path / "mixture.json"
    write(path, READERS)
    with pytest.raises(ConfigurationError, match="there is no preset"):
        graph_of({"preset": str(path)})


@given(st.dictionaries(st.sampled_from(sorted(MixtureConfiguration.__annotations__)), st.sampled_from([None, "", []])))
def test_empty_fields_of_a_form_change_nothing(configurable: dict[str, Any]) -> None:
    """A field that a form leaves empty counts as left out, whichever it is."""
    assert read_configuration(configurable) == {}


def test_keys_of_the_server_are_passed_over() -> None:
    """What a server and graphs around put beside the configuration is not read."""
    own = {
        "thread_id": "1",
        "graph_id": "moa",
        "assistant_id": "2",
        "__pregel_store": None,
        "langgraph_auth_user": None,
    }
    assert read_configuration({**own, "depth": 3}) == {"depth": 3}


def test_equal_configurations_share_a_graph() -> None:
    """Runs of one configuration have the same models, and so their connections, whatever else stands beside it."""
    first, second = graph_of({"depth": 3, "thread_id": "1"}), graph_of({"thread_id": "2", "depth": 3})
    assert first is second


def test_changed_file_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mixture file that changes under a running server is served as it stands now."""
    path = tmp_path / "mixture.json"
    monkeypatch.setenv(PRESET_VARIABLE, str(path))
    write(path, READERS[:1])
    assert "layer_1_lsa" not in graph_of({}).nodes
    write(path, READERS)
    assert "layer_1_lsa" in graph_of({}).nodes


def test_file_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mixture file that is not there is an error with its path, and served as soon as it is back."""
    path = tmp_path / "mixture.json"
    monkeypatch.setenv(PRESET_VARIABLE, str(path))
    with pytest.raises(ConfigurationError, match=r"mixture\.json"):
        graph_of({})
    write(path, READERS)
    assert graph_of({}).get_name() == "filed"


def test_schema_holds_no_key() -> None:
    """No field of the schema is for a secret."""
    assert not [name for name in MixtureConfiguration.__annotations__ if "key" in name or "token" in name]


def test_server_and_command_line_read_the_same_variable() -> None:
    """The variable that names the server's mixture is the one that names that of `moa`."""
    assert PRESET_VARIABLE == selection.PRESET_VARIABLE


def test_langgraph_json_names_the_factory() -> None:
    """The factory that `langgraph.json` names is there, and its folder has what the server needs to import it."""
    config = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    [graph] = config["graphs"].values()
    module, _, name = graph["path"].partition(":")
    assert (module, name) == (mixture_graph.__module__, mixture_graph.__name__)
    assert config["dependencies"] == ["."]
