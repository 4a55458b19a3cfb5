"""Which mixture answers: the one that the options name, or the one that suits the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from langgraph_moa.mixture import Mixture
    from langgraph_moa.presets import Preset

PRESET_VARIABLE = "LANGGRAPH_MOA_PRESET"
OPENAI_DEFAULT = "openai:gpt-4o-mini"
_FILE_ENDINGS = (".toml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the options say."""

    preset: str | None = None
    """A preset's name, or a mixture file's path."""
    proposers: Sequence[str] | None = None
    aggregator: str | None = None
    depth: int | None = None
    swaps: Sequence[str] | None = None
    """Each `OLD=NEW`."""

    def __post_init__(self) -> None:
        """Refuse options that contradict each other, and halves of a pair."""
        own = bool(self.proposers) or self.aggregator is not None
        if self.preset is not None and (own or self.depth is not None):
            extra = "--depth" if not own else "--proposer" if self.proposers else "--aggregator"
            msg = f"--preset {self.preset} and {extra} exclude each other: leave one out, or use --swap OLD=NEW"
            raise ConfigurationError(msg)
        if self.proposers and self.aggregator is None:
            msg = "--proposer needs an aggregator: add --aggregator provider:model"
            raise ConfigurationError(msg)
        if not self.proposers and (self.aggregator is not None or self.depth is not None):
            given = "--depth" if self.aggregator is None else "--aggregator"
            msg = f"{given} needs proposers: add --proposer provider:model, once for each"
            raise ConfigurationError(msg)


class Choice(NamedTuple):
    """The mixture that answers."""

    mixture: Mixture
    reason: str
    """What was chosen and why, in one line."""
    note: str | None
    """What a preset's author wants its users to know."""


def choose(selection: Selection, environment: Mapping[str, str] = os.environ) -> Choice:
    """Return the mixture that the options name, with its swaps made.

    Raises:
        ConfigurationError: An option is wrong.
    """
    chosen = _named(selection) or _suitable(environment)
    swaps = dict(_swap(text) for text in selection.swaps or ())
    return chosen._replace(mixture=chosen.mixture.swap(swaps)) if swaps else chosen


def _named(selection: Selection) -> Choice | None:
    if selection.preset is not None:
        return _preset(selection.preset, "as asked")
    if not selection.proposers or selection.aggregator is None:
        return None
    from langgraph_moa.mixture import Mixture

    depth = 2 if selection.depth is None else selection.depth
    mixture = Mixture.of(list(selection.proposers), selection.aggregator, depth=depth)
    return Choice(mixture, "using the models given", None)


def _suitable(environment: Mapping[str, str]) -> Choice:
    preset = environment.get(PRESET_VARIABLE, "").strip()
    if preset:
        return _preset(preset, f"because {PRESET_VARIABLE} names it")
    if environment.get("TOGETHER_API_KEY", "").strip():
        return _preset("together-2026", "because TOGETHER_API_KEY is set")
    if environment.get("OPENAI_API_KEY", "").strip():
        why = f"using {OPENAI_DEFAULT} three times and once more to merge, because OPENAI_API_KEY is set"
        return Choice(_openai_default(), why, None)
    return _preset("offline", "because no key is set; no language model takes part")


def _preset(name: str, why: str) -> Choice:
    from langgraph_moa.mixture import Mixture
    from langgraph_moa.presets import LOCAL, describe_preset

    if name.endswith(_FILE_ENDINGS) or os.sep in name:
        mixture = Mixture.from_file(name)
        return Choice(mixture, f"using mixture {mixture.name!r} from {name}, {why}", None)
    preset = describe_preset(name)
    return _found_here(preset) if name == LOCAL else Choice(preset.mixture, f"using preset {name!r} {why}", preset.note)


def _found_here(preset: Preset) -> Choice:
    from langgraph_moa.discovery import find_local_models
    from langgraph_moa.presets.local import local_mixture, said_of

    finding = find_local_models()
    mixture = local_mixture(finding)
    return Choice(mixture or preset.mixture, f"using preset 'local': {said_of(finding, mixture)}", preset.note)


def _openai_default() -> Mixture:
    from langgraph_moa.mixture import Aggregator, Mixture, Proposer

    proposer = Proposer(OPENAI_DEFAULT, samples=3, temperature=0.7, max_tokens=1024)
    return Mixture.of([proposer], Aggregator(OPENAI_DEFAULT, max_tokens=2048), name="self-moa-openai")


def _swap(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old.strip() or not new.strip():
        msg = f"--swap must be OLD=NEW, as in aggregator=openai:gpt-4o; got {text!r}"
        raise ConfigurationError(msg)
    return old.strip(), new.strip()
