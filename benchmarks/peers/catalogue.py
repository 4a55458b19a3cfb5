"""The peers: what each is, and what its process needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
_FIRST_LAYER = "the models of the first layer propose in every layer"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Something that people would use instead."""

    name: str
    """Folder here, and name of the worker."""
    title: str
    what: str
    shape_note: str = ""
    """How what it runs differs from the layers of a job; empty where it runs just those."""
    has_own_calls: bool = False
    """Whether it decides by itself how many calls it makes, and of which models."""
    install_note: str = ""
    """What its own requirements lack or were spared."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of its process: no telemetry, no downloads. `{home}` is a folder of its own, which also is its `HOME`."""

    @property
    def module(self) -> str:
        """The contender."""
        return f"benchmarks.peers.{self.name}.contender"

    @property
    def requirements(self) -> Path:
        """What is installed together with all that it requires."""
        return FOLDER / self.name / "requirements.txt"

    @property
    def without_dependencies(self) -> Path:
        """What is installed by itself; the file need not exist."""
        return FOLDER / self.name / "without_dependencies.txt"


_ALL = (
    Peer(
        name="mixture_llm",
        title="mixture-llm",
        what="a small library of pipeline steps over one asynchronous client function",
    ),
    Peer(
        name="autogen",
        title="AutoGen pattern",
        what="the mixture of agents of AutoGen's design patterns, written anew on its runtime",
        variables={"AUTOGEN_DISABLE_RUNTIME_TRACING": "true"},
    ),
    Peer(
        name="swarms",
        title="swarms",
        what="`MixtureOfAgents` of a framework of agents, run in threads",
        shape_note=f"{_FIRST_LAYER}, by default as many at a time as 95 % of the processors",
        variables={
            "SWARMS_TELEMETRY_ON": "false",
            "WORKSPACE_DIR": "{home}/workspace",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
        },
    ),
    Peer(
        name="distilabel",
        title="distilabel",
        what="`MixtureOfAgentsLLM` of a framework for synthetic data",
        shape_note=_FIRST_LAYER,
        install_note="imports requests, which its requirements no longer bring",
        variables={"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_DATASETS_OFFLINE": "1"},
    ),
    Peer(
        name="llama_index",
        title="LlamaIndex pack",
        what="the pack's last release, with the newest core that its requirements allow",
        shape_note=_FIRST_LAYER,
    ),
    Peer(
        name="llama_index_older",
        title="LlamaIndex pack (older)",
        what="the pack with a core of its time",
        shape_note=_FIRST_LAYER,
    ),
    Peer(
        name="optillm",
        has_own_calls=True,
        title="optillm moa",
        what="an approach of an optimizing proxy, called as a library function",
        shape_note="one model, the aggregator, whatever the layers: three answers, a critique of them, a final answer",
        install_note="without what its `moa` never imports (PyTorch, Transformers, Gradio and others)",
        variables={"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
    ),
    Peer(
        name="llm_council",
        has_own_calls=True,
        title="llm-council-core",
        what="a council: models answer, rank each other's answers, and a chairman concludes",
        shape_note="no layers: the models of the first layer answer, then each ranks the answers",
        variables={"LLM_COUNCIL_OFFLINE": "true", "LLM_COUNCIL_PERFORMANCE_TRACKING": "false"},
    ),
)
PEERS: Mapping[str, Peer] = {peer.name: peer for peer in _ALL}
"""By name, in the order of the tables."""
