"""What must be there before any call is made: keys and packages, and models for the limits of servers."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable

from langgraph_moa.chains import chat_models_in, is_plain, parts_of
from langgraph_moa.clients import base_urls, ollama_url, tls_context
from langgraph_moa.credentials import NO_KEY, find_key, key_names
from langgraph_moa.errors import ConfigurationError, MissingDependencyError, MissingKeyError, MoAError
from langgraph_moa.limits import concerns, limit_key
from langgraph_moa.mixture import Mixture
from langgraph_moa.mixture.recipe import mixtures_in, models_of, models_within
from langgraph_moa.mixture.seats import Seat, nested_mixture
from langgraph_moa.providers import PROVIDERS, parse_model_name


class Problem(NamedTuple):
    """Why a mixture cannot be called as things stand."""

    model: str
    error: MoAError
    """`MissingKeyError` or `MissingDependencyError`; its message says what to do."""


def problems(mixture: Mixture) -> tuple[Problem, ...]:
    """Say which packages and keys a mixture lacks, each model once, with no call made."""
    return _problems_of(mixture.seats)


def _problems_of(seats: Iterable[Seat]) -> tuple[Problem, ...]:
    found: dict[str, Problem] = {}
    for seat, model in models_of(seats):
        if isinstance(model, str) and (error := _problem(model, seat)) is not None:
            found[model] = Problem(model, error)
    return tuple(found.values())


def prepare(mixture: Mixture, seats: Sequence[Seat] | None = None) -> None:
    """Refuse to begin while something is missing, and load the providers' packages: seconds that are no model's.

    Args:
        mixture: The recipe.
        seats: Those of it that will be asked; `None`: all.

    Raises:
        MissingKeyError: The first key that is missing; `problems` lists them all.
        MissingDependencyError: The first package that is missing.
        ConfigurationError: A limit names a base URL that no model is asked at, though all of them tell their address.
    """
    asked = mixture.seats if seats is None else seats
    for problem in _problems_of(asked):
        raise problem.error
    for provider in {parse_model_name(model).provider for _, model in models_of(asked) if isinstance(model, str)}:
        importlib.import_module(PROVIDERS[provider].module)
        if PROVIDERS[provider].openai_client:
            tls_context()
    for each in (mixture, *(inner for _, model in models_within(mixture) for inner in mixtures_in(model))):
        _refuse_idle_urls(each)


def _problem(name: str, seat: Seat) -> MoAError | None:
    provider_name = parse_model_name(name).provider
    provider = PROVIDERS[provider_name]
    if importlib.util.find_spec(provider.module.partition(".")[0]) is None:
        package = provider.module.replace("_", "-")
        return MissingDependencyError(f"{name!r} needs the package {package}: pip install {package}")
    if provider.problem is not None:
        module, _, function = provider.problem.partition(":")
        found: MoAError | None = getattr(importlib.import_module(module), function)(parse_model_name(name).model)
        return found
    kwargs = seat.model_kwargs if name == seat.model else {}
    if provider.key_variable is None or find_key(provider_name, provider, kwargs) is not None:
        return None
    return MissingKeyError(f"{name!r} needs a key: set {provider.key_variable}, or choose another model")


def _refuse_idle_urls(mixture: Mixture) -> None:
    """Refuse a base URL in a mixture's limits that concerns none of its models, as one that is misspelt does."""
    urls = [key for key in mixture.limits if "://" in key]
    addresses = list(_addresses(mixture)) if urls else []
    known = sorted({limit_key(address) for address in addresses if address is not None})
    idle = [url for url in urls if not any(concerns(url, address) for address in known)]
    if idle and None not in addresses:
        msg = (
            f"Mixture.limits names {', '.join(map(repr, idle))}, where no model of the mixture {mixture.name!r} is "
            f"asked. Correct it, or leave it out. Addresses of its models: {', '.join(known) or 'none'}"
        )
        raise ConfigurationError(msg)


def _addresses(mixture: Mixture) -> Iterator[str | None]:
    """Yield the addresses of all that a limit can concern, nested mixtures included; `None` for one that is unknown."""
    for seat, model in models_within(mixture):
        if isinstance(model, str):
            yield from _addresses_of_string(model, seat)
        elif isinstance(model, Runnable):
            yield from _addresses_of_object(model)


def _addresses_of_object(model: Runnable[Any, Any]) -> Iterator[str | None]:
    """Yield the addresses of chat models, where a limit concerns them; a function may call any mixture: `None`."""
    if is_plain(model):
        for chat_model in chat_models_in(model):
            yield from base_urls(chat_model) or (None,)
    elif not all(is_plain(part) or nested_mixture(part) is not None for part in parts_of(model)):
        yield None


def _addresses_of_string(name: str, seat: Seat) -> Iterable[str | None]:
    provider_name, model = parse_model_name(name)
    kwargs: dict[str, Any] = dict(seat.model_kwargs) if name == seat.model else {}
    given = kwargs.get("base_url")
    if provider_name == "ollama":
        return (ollama_url(given),)
    if not PROVIDERS[provider_name].openai_client:
        return (given if isinstance(given, str) else None,)
    from langchain.chat_models import init_chat_model

    arguments = {key: value for key, value in kwargs.items() if key not in key_names(provider_name)}
    try:
        built = init_chat_model(model, model_provider=provider_name, api_key=NO_KEY, **arguments)
    except Exception:  # noqa: BLE001 - its call will say why it cannot be built
        return (None,)
    return base_urls(built) or (None,)
