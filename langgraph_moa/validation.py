"""What pydantic refuses, told as this package tells what is wrong: it would show a part of the input, keys included."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from langgraph_moa.checks import shown
from langgraph_moa.errors import ConfigurationError


def configuration_error(model: type[BaseModel], wrong: ValidationError) -> ConfigurationError:
    """Return the first thing that is wrong with the fields of a model; one of our own errors comes back as it was."""
    first = wrong.errors(include_url=False)[0]
    told = first.get("ctx", {}).get("error")
    if isinstance(told, ConfigurationError):
        return told
    what = ".".join([model.__name__, *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        return ConfigurationError(f"{what} is no parameter. Parameters: {', '.join(sorted(model.model_fields))}")
    return ConfigurationError(f"{what}: {first['msg']}; got {shown(first['input'])}. Change it, or leave it out")
