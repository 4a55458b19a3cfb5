"""The same workflow as it was when it ran."""

from benchmarks.peers.llama_index.contender import VERSIONS, opened

NAME = "LlamaIndex pack (older)"

__all__ = ["NAME", "VERSIONS", "opened"]
