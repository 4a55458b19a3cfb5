"""How AlpacaEval's judge is asked, and how its answer is read.

It is shown two outputs, `m` and `M`, and names the better one with a single token. The preference is how the
probability is shared out between these two tokens, as in the official `weighted_alpaca_eval_gpt4_turbo`.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Model, Proposer

FIRST, SECOND = "m", "M"
"""Names of the two outputs."""
OFFICIAL_MODEL = "openai:gpt-4-1106-preview"
TOP_LOGPROBS = 5

OWN_PROMPT = """\
<|im_start|>system
You compare two answers to one instruction, as a careful reader would who wants to be helped.<|im_end|>
<|im_start|>user
# Instruction

{instruction}

# Output m

{output_1}

# Output M

{output_2}

# Your verdict

Which output serves the instruction better? Length alone is no merit, and neither is the order. Reply with one letter \
and nothing else: m or M.<|im_end|>
"""
"""Asked where the official wording is not at hand. Rates that it gives are not those of the leaderboard."""

_OFFICIAL_PROMPT = "evaluators_configs/alpaca_eval_clf_gpt4_turbo/alpaca_eval_clf.txt"
_FIELDS = ("instruction", "output_1", "output_2")
_FIELD = re.compile(r"\{(instruction|output_1|output_2)\}")
_TURN = re.compile(r"<\|im_start\|>(\w+)[^\n]*\n(.*?)<\|im_end\|>", re.DOTALL)
_ROLES: Mapping[str, Callable[[str], AnyMessage]] = {
    "system": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """What the judge is told, with places for the instruction and the two outputs."""

    template: str
    """In ChatML, or plain text for a single message of the user."""
    source: str
    """Where the wording comes from, for the report."""

    def __post_init__(self) -> None:
        """Refuse a text without its places."""
        missing = [name for name in _FIELDS if f"{{{name}}}" not in self.template]
        if missing:
            places = ", ".join(f"{{{name}}}" for name in missing)
            msg = f"the judge's prompt of {self.source} has no place for {places}. Put each where its text shall stand"
            raise ConfigurationError(msg)
        unknown = {role for role, _ in self._turns()} - set(_ROLES)
        if unknown:
            msg = f"the judge's prompt of {self.source} has the role {min(unknown)!r}; the roles are {list(_ROLES)}"
            raise ConfigurationError(msg)

    def messages(self, instruction: str, first: str, second: str) -> list[AnyMessage]:
        """Return the request for one pair; nothing in the texts is taken for a place or a role."""
        texts = dict(zip(_FIELDS, (instruction, first, second), strict=True))
        return [
            _ROLES[role](_FIELD.sub(lambda place: texts[place[1]], content.strip())) for role, content in self._turns()
        ]

    def _turns(self) -> list[tuple[str, str]]:
        return _TURN.findall(self.template) or [("user", self.template)]


def judge_prompt(path: str | PathLike[str] | None = None) -> JudgePrompt:
    """Return the prompt of a file; else the official one, where `alpaca-eval` is installed; else `OWN_PROMPT`.

    Raises:
        ConfigurationError: The file cannot be read, or lacks a place.
    """
    if path is not None:
        return JudgePrompt(_read(Path(path)), f"the file {Path(path).name}")
    official = official_prompt_path()
    if official is None:
        return JudgePrompt(OWN_PROMPT, "langgraph-moa, in its own words")
    return JudgePrompt(_read(official), "alpaca-eval")


def official_prompt_path() -> Path | None:
    """Return where the installed `alpaca-eval` keeps its judge's prompt; `None` when it is not installed."""
    spec = find_spec("alpaca_eval")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return next((path for folder in folders if (path := Path(folder, _OFFICIAL_PROMPT)).is_file()), None)


def judge_seat(model: Model = OFFICIAL_MODEL) -> Proposer:
    """Return a judge with the official settings: one token at temperature 1, with the probabilities of the top five."""
    logprobs = {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return Proposer(model, temperature=1, max_tokens=1, model_kwargs=logprobs if isinstance(model, str) else {})


def read_preference(message: AIMessage) -> float | None:
    """Return the second output's share of the probability of the two names; `None`: the answer does not tell it."""
    tops = _top_logprobs(message)
    first, second = (tops.get(name, -math.inf) for name in (FIRST, SECOND))
    highest = max(first, second)
    if not math.isfinite(highest):
        return None
    for_first, for_second = math.exp(first - highest), math.exp(second - highest)
    return for_second / (for_first + for_second)


def official_order(instruction: str) -> bool:
    """Say whether the official code shows the model's output before the baseline's: it draws by the instruction."""
    seed = f"is_switched_outputs{instruction}0"
    return random.Random(seed).choices([False, True])[0]  # noqa: S311 - an order, no secret


def _top_logprobs(message: AIMessage) -> dict[str, float]:
    """Return the logarithms of the probabilities of the first token, by token."""
    try:
        tops = message.response_metadata["logprobs"]["content"][0]["top_logprobs"]
        return {top["token"]: float(top["logprob"]) for top in tops}
    except (TypeError, KeyError, IndexError, ValueError):
        return {}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the judge's prompt {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigurationError(msg) from error
