"""The same pack as it was when it ran."""

from benchmarks.peers.llama_index.contender import SHAPE_NOTE, VERSIONS, opened

NAME = "LlamaIndex pack (older, runs)"

__all__ = ["NAME", "SHAPE_NOTE", "VERSIONS", "opened"]
