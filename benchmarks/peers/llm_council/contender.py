"""llm-council-core's `consult_council`, with the provider in the place of OpenRouter."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from llm_council import consult_council
from llm_council.unified_config import reload_config

from benchmarks.peers.jobs import address, as_query
from benchmarks.protocol import Ask, Conversation, Job

NAME = "llm-council-core"
VERSIONS = ["llm-council-core", "httpx"]


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Ask]:
    """Write the configuration, which is the only place for the provider's address."""
    with tempfile.TemporaryDirectory() as folder:
        _configure(Path(folder, "llm_council.yaml"), job)

        async def ask(conversation: Conversation) -> AsyncIterator[str]:
            yield (await consult_council(as_query(conversation), models=job.layers[0])).synthesis

        yield ask


def _configure(path: Path, job: Job) -> None:
    provider = {"enabled": True, "base_url": f"{address(job)}/chat/completions"}
    configuration = {
        "council": {"models": job.layers[0], "chairman": job.aggregator},
        "gateways": {"default": "openrouter", "providers": {"openrouter": provider}},
    }
    path.write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
    os.environ.update(LLM_COUNCIL_CONFIG=str(path), OPENROUTER_API_KEY="benchmark")
    reload_config()
