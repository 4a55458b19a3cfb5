"""What must be there before any call is made: keys and packages."""

from __future__ import annotations

import importlib
import importlib.util
from typing import NamedTuple

from langgraph_moa.credentials import find_key
from langgraph_moa.errors import MissingDependencyError, MissingKeyError, MoAError
from langgraph_moa.mixture import Mixture
from langgraph_moa.mixture.seats import Seat, nested_mixture
from langgraph_moa.providers import PROVIDERS, parse_model_name


class Problem(NamedTuple):
    """Why a mixture cannot be called as things stand."""

    model: str
    error: MoAError
    """`MissingKeyError` or `MissingDependencyError`; its message says what to do."""


def problems(mixture: Mixture) -> tuple[Problem, ...]:
    """Say which packages and keys a mixture lacks, each model once, with no call made."""
    found: dict[str, Problem] = {}
    for seat in mixture.seats:
        for model in (seat.model, *seat.fallbacks):
            inner = nested_mixture(model)
            if isinstance(inner, Mixture):
                found |= {problem.model: problem for problem in problems(inner)}
            elif isinstance(model, str) and (error := _problem(model, seat)) is not None:
                found[model] = Problem(model, error)
    return tuple(found.values())


def prepare(mixture: Mixture) -> None:
    """Refuse to begin while something is missing, and load the providers' packages: seconds that are no model's.

    Raises:
        MissingKeyError: The first key that is missing; `problems` lists them all.
        MissingDependencyError: The first package that is missing.
    """
    for problem in problems(mixture):
        raise problem.error
    for seat in mixture.seats:
        for model in (seat.model, *seat.fallbacks):
            if isinstance(model, str):
                importlib.import_module(PROVIDERS[parse_model_name(model).provider].module)


def _problem(name: str, seat: Seat) -> MoAError | None:
    provider_name = parse_model_name(name).provider
    provider = PROVIDERS[provider_name]
    if importlib.util.find_spec(provider.module.partition(".")[0]) is None:
        package = provider.module.replace("_", "-")
        return MissingDependencyError(f"{name!r} needs the package {package}: pip install {package}")
    kwargs = seat.model_kwargs if name == seat.model else {}
    if provider.key_variable is None or find_key(provider_name, provider, kwargs) is not None:
        return None
    return MissingKeyError(f"{name!r} needs a key: set {provider.key_variable}, or choose another model")
