"""Claims about the drawing of a mixture."""

from __future__ import annotations

import os
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa import Aggregator, Budget, ChatMoA, Layer, Mixture, Proposer, create_moa, load_preset
from langgraph_moa.diagram import Box, Diagram, DrawnLayer, html, svg
from langgraph_moa.graph import create_advisers, create_aggregation
from langgraph_moa.testing import ScriptedChatModel
from tests.screenshots import FIGURES, WRITES

NAMES = st.text(max_size=90)
BOXES = st.builds(Box, NAMES, NAMES)
LAYERS = st.lists(st.builds(DrawnLayer, st.lists(BOXES, min_size=1, max_size=40), st.none() | NAMES, st.booleans()))
DIAGRAMS = st.builds(Diagram, NAMES, LAYERS.map(lambda layers: layers[:3]), st.none() | BOXES)
PANEL = Mixture.of(["openai:gpt-5-mini", "openai:gpt-5-nano"], "openai:gpt-5", depth=3)


def parts(drawing: str, name: str) -> list[ET.Element]:
    """Return the elements of that name."""
    return list(ET.fromstring(drawing).iter(f"{{http://www.w3.org/2000/svg}}{name}"))  # noqa: S314 - ours


def texts(drawing: str) -> list[str]:
    """Return everything that is written in a drawing."""
    return [element.text or "" for element in parts(drawing, "text")]


@given(DIAGRAMS)
def test_a_drawing_is_well_formed_and_runs_nothing(diagram: Diagram) -> None:
    """Whatever the names are, the drawing is XML of shapes and text, with a title and a description of every node."""
    drawing = svg(diagram)
    names = {element.tag.rpartition("}")[2] for element in ET.fromstring(drawing).iter()}  # noqa: S314 - ours
    assert names <= {"svg", "title", "desc", "style", "rect", "path", "g", "text"}
    boxes = sum(len(layer.proposers) + 1 for layer in diagram.layers) + (diagram.aggregator is not None)
    assert len([part for part in parts(drawing, "rect") if part.get("class") == "box"]) == boxes


@given(DIAGRAMS)
def test_everything_lies_within_the_sheet(diagram: Diagram) -> None:
    """No box and no letter begins outside what is shown."""
    drawing = svg(diagram)
    width, height = (float(ET.fromstring(drawing).attrib[side]) for side in ("width", "height"))  # noqa: S314 - ours
    for part in (*parts(drawing, "rect"), *parts(drawing, "text")):
        assert 0 <= float(part.get("x", 0)) + float(part.get("width", 0)) <= width
        assert 0 <= float(part.get("y", 0)) + float(part.get("height", 0)) <= height


@given(st.lists(BOXES, min_size=1, max_size=64))
def test_boxes_of_a_layer_do_not_overlap(boxes: list[Box]) -> None:
    """However many proposers a layer has, each has a place of its own."""
    drawing = svg(Diagram("wide", [DrawnLayer(boxes)], None))
    places = [(float(part.attrib["x"]), float(part.attrib["y"])) for part in parts(drawing, "rect")[2:-1]]
    assert len(places) == len(boxes)
    for number, (left, top) in enumerate(places):
        assert all(abs(left - x) >= 260 or abs(top - y) >= 46 for x, y in places[:number])


def test_every_proposer_is_named_with_its_model() -> None:
    """Layers, proposers, joins and the aggregator are written out, in order."""
    layer = ["gpt-5-mini", "openai:gpt-5-mini", "gpt-5-nano", "openai:gpt-5-nano", "join"]
    assert texts(PANEL._repr_html_()[len('<div style="overflow-x:auto;max-width:100%">') : -len("</div>")]) == [
        "layer 1 · 2 proposers",
        "layer 2 · 2 proposers",
        *layer,
        *layer,
        "aggregator",
        "openai:gpt-5",
    ]


@pytest.mark.timeout(20)
def test_a_name_of_a_million_letters_is_drawn() -> None:
    """The work of cutting a name grows with its length, and no faster."""
    drawing = svg(Diagram("wide", [DrawnLayer([Box("a" * 1_000_000, "model")])], None))
    assert "a" * 10 + "…" + "a" * 19 in texts(drawing)


def test_a_long_name_loses_its_middle() -> None:
    """Two long names that differ at their ends differ in the drawing, and both can be read in full by pointing."""
    models = [f"together:meta-llama/Llama-3.3-{size}-Instruct-Turbo" for size in ("70B", "405B")]
    drawing = svg(create_moa(Mixture.of(models, "openai:gpt-5")).diagram)
    cut = [text for text in texts(drawing) if "…" in text]
    assert len(set(cut)) == 2
    assert [title.text for title in parts(drawing, "title")[1:3]] == [
        f"{model.rpartition('/')[2].lower()} · {model}" for model in models
    ]


def test_sixty_four_proposers_keep_their_size_and_one_edge() -> None:
    """A wide layer is folded into columns lower than a screen, and one edge leads from all of it."""
    mixture = Mixture.of([Proposer("openai:gpt-5-nano", samples=64)], "openai:gpt-5")
    drawing = create_moa(mixture)._repr_mimebundle_()["image/svg+xml"]
    assert float(ET.fromstring(drawing).attrib["height"]) < 1000  # noqa: S314 - ours
    assert [text for text in texts(drawing) if text.startswith("gpt-5-nano-")] == [
        f"gpt-5-nano-{number}" for number in range(1, 65)
    ]
    assert len(parts(drawing, "path")) == 2


def test_ways_past_layers_are_dashed() -> None:
    """Where a budget may leave out later layers, a dashed edge leads from the join to the aggregator."""
    mixture = Mixture([Layer(["openai:gpt-5"]), Layer(["openai:gpt-5"])], "openai:gpt-5", budget=Budget(max_cost=1))
    dashed = [
        part
        for part in parts(create_moa(mixture)._repr_mimebundle_()["image/svg+xml"], "path")
        if part.get("stroke-dasharray")
    ]
    assert len(dashed) == 1
    assert "may be left out" in parts(svg(create_moa(mixture).diagram), "desc")[0].text  # type: ignore[operator]


def test_models_of_joins_and_warm_ups_are_drawn() -> None:
    """A layer's own aggregator stands at its join, and what warms the aggregator up is a node of the last layer."""
    mixture = Mixture([Layer(["openai:a"], aggregator="openai:merger")], Aggregator("openai:b", warm_up="connection"))
    graph = create_moa(mixture)
    shown = texts(svg(graph.diagram))
    assert shown[shown.index("join") + 1] == "openai:merger"
    assert "warm_up" in shown
    drawn_nodes = {node for node in graph.get_graph().nodes if not node.startswith("__")}
    assert len(drawn_nodes) == len([part for part in parts(svg(graph.diagram), "rect") if part.get("class") == "box"])


@pytest.mark.parametrize(
    ("graph", "layers", "has_aggregator"),
    [(create_moa(PANEL), 2, True), (create_advisers(PANEL), 2, False), (create_aggregation(PANEL), 0, True)],
    ids=["mixture", "advisers", "aggregation"],
)
def test_what_a_graph_lacks_is_not_drawn(graph: Any, layers: int, *, has_aggregator: bool) -> None:
    """Advisers alone have no aggregator, an aggregation no layers; copies of a graph are drawn as it is."""
    for one in (graph, graph.with_config(tags=["a"])):
        assert len(one.diagram.layers) == layers
        assert (one.diagram.aggregator is not None) == has_aggregator


def test_a_notebook_gets_a_drawing_and_text_with_no_request() -> None:
    """The display of a graph is HTML, SVG and its repr, made without LangGraph's hosted renderer."""
    graph = create_moa(PANEL, name="named")
    shown = graph._repr_mimebundle_()
    assert sorted(shown) == ["image/svg+xml", "text/html", "text/plain"]
    assert shown["text/html"] == html(graph.diagram)
    assert shown["text/plain"] == repr(graph)
    assert "Mixture named" in shown["image/svg+xml"]
    assert graph._repr_mimebundle_(include={"text/vnd.mermaid"}) == {
        "text/vnd.mermaid": graph.get_graph().draw_mermaid()
    }


def test_the_picture_of_the_documentation_is_what_is_drawn() -> None:
    """The picture is the drawing of a preset as it is; set `LANGGRAPH_MOA_WRITE_SCREENSHOTS` to write it anew."""
    drawing = svg(create_moa(load_preset("together-2025")).diagram)
    picture = FIGURES / "diagram.svg"
    if os.environ.get(WRITES):
        picture.write_text(f"{drawing}\n", encoding="utf-8")
    assert picture.read_text(encoding="utf-8") == f"{drawing}\n"


def test_recipe_and_chat_model_are_drawn_alike() -> None:
    """A recipe and a chat model of it show the same drawing, which names objects and holds nothing else of them."""
    model = ScriptedChatModel(replies="secret reply")
    mixture = Mixture.of([Proposer(model, name="one")], model)
    assert ChatMoA(mixture=mixture)._repr_html_() == mixture._repr_html_()
    assert "secret reply" not in mixture._repr_html_()
