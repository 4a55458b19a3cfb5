"""Claims about what a run says of itself in a trace: names, metadata and tags, and no key."""

from __future__ import annotations

import json

import langsmith
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from langgraph_moa import Aggregator, Layer, Mixture, Proposer, QuorumError, create_moa, load_preset
from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.testing import Behaviour, Simulator
from tests.tracing.callers import QUESTIONS, Site, ainvoke, every_site, invoke
from tests.tracing.conftest import Traces
from tests.tracing.receiver import Receiver
from tests.tracing.trees import TracedRun
from tests.ways import ask

LONGEST = 100
"""Characters of a run's name: LangSmith has refused names of more than 128."""
CANARY = "c4n4ry-of-traces-5d02"


def marks(run: TracedRun) -> dict[str, object]:
    """Return what the mixture says of a run."""
    return {name: value for name, value in run.metadata.items() if name.startswith("moa_")}


def in_order(runs: list[TracedRun]) -> list[TracedRun]:
    """Return the requests of one seat in the order in which they were made."""
    return sorted(runs, key=lambda run: int(run.metadata["moa_attempt"]))


@every_site
def test_metadata_of_a_proposer(site: Site, provider: Simulator, traces: Traces) -> None:
    """A proposer's run says its mixture, layer, slot, role, attempt and model; without a preset it names none."""
    ainvoke(site.build(Mixture.of(["openai:red", "openai:green"], "openai:final", name="panel")), [site.ask("Why?")])
    (root,) = traces()
    (red,) = root.named("moa.layer_1.red")
    assert marks(red) == {
        "moa_mixture": "panel",
        "moa_layer": 1,
        "moa_slot": "red",
        "moa_role": "proposer",
        "moa_attempt": 1,
        "moa_fallback": 0,
    }
    assert (red.metadata["ls_provider"], red.metadata["ls_model_name"]) == ("openai", "red")
    (final,) = root.named("moa.aggregator")
    assert (final.metadata["moa_role"], final.metadata["moa_slot"]) == ("aggregator", "aggregator")
    assert (final.metadata["ls_provider"], final.metadata["ls_model_name"]) == ("openai", "final")


def test_metadata_of_a_merging_join(provider: Simulator, traces: Traces) -> None:
    """A layer's own aggregator is `moa.layer_1.join`, and says the layer and that it aggregates."""
    layer = Layer(["openai:red", "openai:green"], aggregator=Aggregator("openai:merger"))
    create_moa(Mixture([layer], "openai:final")).invoke(ask("Why?"))
    (root,) = traces()
    (merging,) = root.named("moa.layer_1.join")
    assert (merging.metadata["moa_layer"], merging.metadata["moa_role"]) == (1, "aggregator")
    assert merging.metadata["ls_model_name"] == "merger"


@every_site
def test_preset(site: Site, provider: Simulator, traces: Traces) -> None:
    """All model calls of a preset name it, and its version."""
    preset = load_preset("together-moa-lite", base_url=provider.url, api_key="simulated")
    invoke(site.build(preset), [site.ask("Why?")])
    (root,) = traces()
    calls = [run for run in root.models() if run.name.startswith("moa.")]
    assert len(calls) == preset.plan().calls
    assert {run.metadata["moa_preset"] for run in calls} == {"together-moa-lite"}
    assert {run.metadata["moa_preset_version"] for run in calls} == {preset.preset_version}


def test_retries_and_fallbacks(provider: Simulator, traces: Traces) -> None:
    """Every request of a seat is a run of its own with a number, and says the how manieth fallback it asked."""
    provider.models = {"broken": Behaviour(status=503, retry_after=0.01), "refused": Behaviour(status=401)}
    seat = Proposer("openai:broken", name="seat", fallbacks=["openai:refused", "openai:good"])
    create_moa(Mixture([Layer([seat])], "openai:final")).invoke(ask("Why?"))
    (root,) = traces()
    runs = in_order(root.named("moa.layer_1.seat"))
    told = [(run.metadata["moa_attempt"], run.metadata["moa_fallback"], run.metadata["ls_model_name"]) for run in runs]
    assert told == [(1, 0, "broken"), (2, 0, "broken"), (3, 0, "broken"), (4, 1, "refused"), (5, 2, "good")]
    assert [run.error is None for run in runs] == [False] * 4 + [True]


@every_site
def test_straggler(site: Site, provider: Simulator, traces: Traces) -> None:
    """A call that is cancelled because the quorum is there is a run that has ended, as an error."""
    provider.models = {"never": Behaviour(hang=True)}
    layer = Layer(["openai:quick", "openai:never"], quorum=1, grace=0.05)
    invoke(site.build(Mixture([layer], "openai:final", on_partial="allow")), [site.ask("Why?")])
    (root,) = traces()
    (never,) = root.named("moa.layer_1.never")
    assert never.ended
    assert "Cancelled" in str(never.error)


def test_mixture_that_fails(provider: Simulator, traces: Traces) -> None:
    """A mixture without a quorum is a tree whose root is an error, with every attempt below it."""
    provider.models = {"refused": Behaviour(status=401)}
    with pytest.raises(QuorumError):
        create_moa(Mixture.of(["openai:refused"], "openai:final")).invoke(ask("Why?"))
    (root,) = traces()
    assert "QuorumError" in str(root.error)
    assert [run.error is not None for run in root.named("moa.layer_1.refused")] == [True]


def test_nested_mixture(provider: Simulator, traces: Traces) -> None:
    """The calls of a mixture in a slot stand below that slot's run, and name the inner mixture."""
    inner = Mixture.of(["openai:red"], "openai:inner-final", name="inner")
    create_moa(Mixture.of([Proposer(inner, name="nested"), "openai:blue"], "openai:final", name="outer")).invoke(
        ask("Why?")
    )
    (root,) = traces()
    (nested,) = root.named("moa.layer_1.nested")
    assert [run.name for run in nested.models()] == ["moa.layer_1.red", "moa.aggregator"]
    assert {run.metadata["moa_mixture"] for run in nested.models()} == {"inner"}
    (blue,) = root.named("moa.layer_1.blue")
    assert blue.metadata["moa_mixture"] == "outer"


def test_long_names(provider: Simulator, traces: Traces) -> None:
    """No name is longer than LangSmith takes, whatever slots, models and mixtures are called."""
    slots = [Proposer("openai:red", name="s" * 80, samples=11), Proposer(f"openai:{'m' * 300}")]
    create_moa(Mixture.of(slots, "openai:final", depth=3, name="x" * 80)).invoke(ask("Why?"))
    (root,) = traces()
    names = [run.name for run in root.walk()]
    assert len(names) == 1 + 2 * 12 * 2 + 2 + 2
    assert max(map(len, names)) <= LONGEST


@every_site
def test_own_tags_and_metadata(site: Site, provider: Simulator, traces: Traces) -> None:
    """Tags and metadata that the caller gives stand in every run of a model, beside those of the mixture."""
    mixture = Mixture.of(["openai:red"], "openai:final")
    own = site.build(mixture).with_config(tags=["release-7"], metadata={"customer": "c-17"})
    invoke(own, [site.ask("Why?")])
    (root,) = traces()
    for run in root.models():
        assert "release-7" in run.tags
        assert run.metadata["customer"] == "c-17"


@every_site
@pytest.mark.parametrize("zstd", [True, False], ids=["zstd", "plain"])
def test_no_key(site: Site, zstd: bool, provider: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """Keys of providers are in nothing that is sent, be they in the environment, in an argument or in an object."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    provider.models = {"leaky": Behaviour(status=401, reply=f"wrong key {CANARY}")}
    held = ChatOpenAI(model="blue", api_key=SecretStr(f"{CANARY}-held"), base_url=provider.url)
    seats = [
        Proposer("openai:red"),
        Proposer("openai:green", model_kwargs={"api_key": f"{CANARY}-given"}),
        Proposer(held, name="blue"),
        Proposer("openai:leaky"),
    ]
    with Receiver(zstd=zstd) as receiver:
        client = langsmith.Client(api_url=receiver.url, api_key="langsmith-key")
        langsmith.configure(client=client, enabled=True)
        invoke(site.build(Mixture.of(seats, "openai:final", on_partial="allow")), [site.ask(QUESTIONS[0])])
        client.close(timeout=20)
        langsmith.configure(client=None, enabled=None)
    (root,) = receiver.traces
    assert len(root.models()) >= len(seats) + 1
    assert not [body for body in receiver.bodies if CANARY.encode() in body]
    assert CANARY not in json.dumps([run.outputs for run in root.walk()])


def test_own_run_of_the_chat_model(provider: Simulator, traces: Traces) -> None:
    """`ChatMoA` is one run of a model, which names the mixture and reports no tokens of its own."""
    ChatMoA(mixture=Mixture.of(["openai:red"], "openai:final", name="panel")).invoke("Why?")
    (root,) = traces()
    assert root.kind == "llm"
    assert (root.metadata["ls_provider"], root.metadata["ls_model_name"]) == ("langgraph_moa", "panel")
    assert root.usage is None
    assert all(run.usage is not None for run in root.models() if run is not root)
