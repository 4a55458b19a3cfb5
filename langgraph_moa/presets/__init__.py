"""Named mixtures, each a TOML file in this folder with its source and date."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langgraph_moa.checks import known_keys
from langgraph_moa.discovery import find_local_models
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.mixture import Mixture, Model
from langgraph_moa.mixture.seats import AnySeat
from langgraph_moa.presets.local import local_mixture
from langgraph_moa.providers import PROVIDERS, parse_model_name
from langgraph_moa.tables import read_table

LOCAL = "local"
"""The preset that is made of what is on this machine."""
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named recipe and where it comes from."""

    name: str
    version: int
    """Counted from 1, and on whenever the recipe changes."""
    description: str
    source: str
    """Paper with section or table, or repository file."""
    date: str
    """ISO date of the source."""
    historic: bool
    """Whether its models may be retired."""
    note: str
    mixture: Mixture


def list_presets() -> tuple[str, ...]:
    """Return the names of all presets, in alphabetical order."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))


def describe_preset(name: str) -> Preset:
    """Return a preset with its source and date.

    Raises:
        ConfigurationError: There is no preset of that name; the message lists them.
    """
    if name not in list_presets():
        close = difflib.get_close_matches(name, list_presets(), n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        msg = f"there is no preset {name!r}. {hint}Presets: {', '.join(list_presets())}"
        raise ConfigurationError(msg)
    keys = ("version", "description", "source", "date", "historic", "note", "mixture")
    table = known_keys(f"preset {name}", read_table(_FOLDER / f"{name}.toml"), keys)
    mixture = replace(Mixture.from_dict(table.pop("mixture")), preset=name, preset_version=table["version"])
    return Preset(name=name, mixture=mixture, date=str(table.pop("date")), **table)


def load_preset(name: str, *, base_url: str | None = None, api_key: str | None = None) -> Mixture:
    """Return a preset's mixture, which says in `preset` and `preset_version` that it is this preset.

    `local` looks for models on this machine, and is made of those it finds; with none, it is the recipe as written.

    Args:
        name: One of `list_presets()`.
        base_url: Of one OpenAI-compatible server that serves all its models; ends in `/v1` as a rule. Models of
            providers with a protocol of their own, such as Ollama's, are then asked in OpenAI's.
        api_key: Of that server, or of the preset's provider; never shown, written or traced.

    Raises:
        ConfigurationError: The preset does not exist, has no endpoint, or has several providers for one key.
    """
    mixture = describe_preset(name).mixture
    if base_url is None and api_key is None:
        return (local_mixture(find_local_models()) or mixture) if name == LOCAL else mixture
    providers = {parse_model_name(str(model)).provider for seat in mixture.seats for model in seat.models[:1]}
    if "offline" in providers or (base_url is None and len(providers) > 1):
        given = "base_url" if base_url is not None else "api_key"
        msg = f"preset {name!r} uses {', '.join(sorted(providers))}: one {given} does not fit it. Leave {given} out"
        raise ConfigurationError(msg)
    options = {key: value for key, value in (("base_url", base_url), ("api_key", api_key)) if value is not None}
    there = mixture.map_seats(_endpoint(options))
    if base_url is None:
        return there
    limits = {base_url if key in PROVIDERS else key: limit for key, limit in mixture.limits.items()}
    return replace(there, limits=limits)


def _endpoint(options: dict[str, Any]) -> Callable[[AnySeat], AnySeat]:
    def apply(seat: AnySeat) -> AnySeat:
        if not seat.models or seat.model is None:
            return seat
        return replace(seat, model=_for_endpoint(seat.model, options), model_kwargs={**seat.model_kwargs, **options})

    return apply


def _for_endpoint(model: Model, options: dict[str, Any]) -> Model:
    provider, name = parse_model_name(str(model))
    return f"openai:{name}" if "base_url" in options and not PROVIDERS[provider].openai_client else model
