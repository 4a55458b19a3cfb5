"""A claim about AlpacaEval's own client: in a file of its own, since importing it takes ten seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.serving.conftest import Served

pytestmark = pytest.mark.xdist_group("alpaca")


def test_alpaca_eval_client(served: Served, tmp_path: Path) -> None:
    """AlpacaEval's own client gets an answer to each prompt, in their order, with the tokens of all calls."""
    from alpaca_eval.decoders.openai import openai_completions

    config = tmp_path / "clients.yaml"
    config.write_text(
        f"default:\n  - client_class: openai.OpenAI\n    base_url: {served.url}\n    api_key: none\n", encoding="utf-8"
    )
    prompts = [f"<|im_start|>user\nquestion {number}\n<|im_end|>" for number in range(4)]
    found = openai_completions(
        prompts,
        "panel",
        max_tokens=100,
        requires_chatml=True,
        num_procs=2,
        price_per_token=0.0,
        client_config_path=config,
    )
    assert found["completions"] == [f"answer to question {number}" for number in range(4)]
    assert all(one["total_tokens"] > 0 for one in found["completions_all"])
