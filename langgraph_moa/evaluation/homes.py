"""Where data sets have their public home, for who has no copy and a network. None comes with the package."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from langgraph_moa.errors import ConfigurationError

_MT_BENCH = "https://raw.githubusercontent.com/lm-sys/FastChat/main/fastchat/llm_judge/data"
_FLASK = "https://raw.githubusercontent.com/kaistAI/FLASK/main"
HOMES: Mapping[str, str] = {
    "alpaca_eval/alpaca_eval_gpt4_baseline.json": (
        "https://huggingface.co/datasets/tatsu-lab/alpaca_eval/resolve/main/alpaca_eval_gpt4_baseline.json"
    ),
    "alpaca_eval/df_gamed.csv": "https://huggingface.co/datasets/tatsu-lab/alpaca_eval/resolve/main/df_gamed.csv",
    "gsm8k.jsonl": "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data/test.jsonl",
    "math.jsonl": "https://huggingface.co/datasets/HuggingFaceH4/MATH-500/resolve/main/test.jsonl",
    "mt_bench/question.jsonl": f"{_MT_BENCH}/mt_bench/question.jsonl",
    "mt_bench/reference_answer/gpt-4.jsonl": f"{_MT_BENCH}/mt_bench/reference_answer/gpt-4.jsonl",
    "mt_bench/judge_prompts.jsonl": f"{_MT_BENCH}/judge_prompts.jsonl",
    "flask/flask_evaluation.jsonl": f"{_FLASK}/evaluation_set/flask_evaluation.jsonl",
    "flask/prompt.jsonl": f"{_FLASK}/gpt_review/src/prompt.jsonl",
    "flask/skillset_description.json": f"{_FLASK}/metadata_annotation/skillset/src/skillset_description.json",
}
"""By the name under which a copy is kept."""
_SECONDS = 60


def fetched(name: str, folder: Path, homes: Mapping[str, str] = HOMES) -> Path:
    """Return a copy of a data set, fetched if there is none yet.

    Args:
        name: One of `HOMES`.
        folder: Where copies are kept.
        homes: Addresses by name.

    Raises:
        ConfigurationError: It cannot be fetched. A half of it is never kept.
    """
    path = folder / name
    if path.exists():
        return path
    try:
        with urllib.request.urlopen(homes[name], timeout=_SECONDS) as answer:  # noqa: S310 - the addresses above
            content = answer.read()
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{uuid4().hex}")
        half.write_bytes(content)
        half.replace(path)
    except (http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        msg = f"{name} cannot be fetched from {homes[name]}: {reason}. Name a copy of your own with --data"
        raise ConfigurationError(msg) from error
    return path
