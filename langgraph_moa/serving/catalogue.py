"""Which mixtures are served, and under which names: presets, and mixture files that may change meanwhile."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from langgraph_moa.chat_model import ChatMoA
from langgraph_moa.errors import ConfigurationError, MoAError
from langgraph_moa.mixture import Mixture
from langgraph_moa.presets import list_presets, load_preset

_ENDINGS = (".toml", ".json")
_LONGEST_NAME = 100
_MOST_VARIANTS = 64
"""Mixtures with other sampling parameters that are kept ready."""


_Stamp = tuple[int, int, int]


class UnknownModelError(MoAError):
    """No mixture of that name is served."""


class UnreadableMixtureError(MoAError):
    """The file of a served mixture cannot be read any more, or holds no mixture."""


class _Loaded(NamedTuple):
    stamp: _Stamp | None
    """Of the file, as it was when it was read; `None`: it is a preset."""
    model: ChatMoA


class Catalogue:
    """Mixtures by name.

    A file is served under its name without the ending. Each request meets what the file holds then.

    Args:
        sources: Names of presets, and paths of mixture files.

    Raises:
        ConfigurationError: There is none, or two have the same name.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        if not sources:
            raise ConfigurationError(f"nothing to serve: name presets ({', '.join(list_presets())}) or mixture files")
        self._paths: dict[str, Path | None] = {}
        self._loaded: dict[str, _Loaded] = {}
        self._variants: OrderedDict[tuple[str, _Stamp | None, float | None, int | None], ChatMoA] = OrderedDict()
        self._lock = threading.Lock()
        for source in sources:
            name, path = _named(source)
            if name in self._paths:
                raise ConfigurationError(f"two of the served mixtures are called {name!r}: leave one out, or rename it")
            self._paths[name] = path

    def read_all(self) -> None:
        """Read every mixture, so that a wrong one is told when a server starts.

        Raises:
            ConfigurationError: One is unknown or wrong.
        """
        for name, path in self._paths.items():
            self._loaded[name] = _load(name, path)

    def names(self) -> tuple[str, ...]:
        """Return the names, in the order in which they were given."""
        return tuple(self._paths)

    def mixture(self, name: str) -> Mixture:
        """Return a mixture. See `model`."""
        return self.model(name).recipe

    def model(self, name: str, *, temperature: float | None = None, max_tokens: int | None = None) -> ChatMoA:
        """Return a mixture as a chat model.

        Args:
            name: Of the mixture.
            temperature: Of its aggregator; `None`: as the recipe says.
            max_tokens: Of its answer; `None`: as the recipe says.

        Raises:
            UnknownModelError: None is served under that name.
            UnreadableMixtureError: Its file holds no mixture, or not any more.
            ConfigurationError: A parameter is out of its range.
        """
        loaded = self._current(name)
        if temperature is None and max_tokens is None:
            return loaded.model
        changed = {"temperature": temperature, "max_tokens": max_tokens}
        with self._lock:
            key = (name, loaded.stamp, temperature, max_tokens)
            if key not in self._variants:
                self._variants[key] = loaded.model.model_copy(update=changed)
            self._variants.move_to_end(key)
            while len(self._variants) > _MOST_VARIANTS:
                self._variants.popitem(last=False)
            return self._variants[key]

    def _current(self, name: str) -> _Loaded:
        if name not in self._paths:
            shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
            raise UnknownModelError(f"the model {shown!r} is not served here; served are {', '.join(self._paths)}")
        path = self._paths[name]
        with self._lock:
            known = self._loaded.get(name)
            if path is None:
                known = self._loaded[name] = known or _load(name, None)
                return known
            try:
                if known is None or known.stamp != _stamp(path):
                    known = self._loaded[name] = _load(name, path)
            except (ConfigurationError, OSError) as error:
                why = (
                    str(error).replace(str(path), path.name)
                    if isinstance(error, ConfigurationError)
                    else error.strerror
                )
                msg = f"the file {path.name} of the model {name!r} cannot be read: {why}. Mend the file"
                raise UnreadableMixtureError(msg) from error
            return known


def _named(source: str) -> tuple[str, Path | None]:
    if source in list_presets():
        return source, None
    if source.endswith(_ENDINGS) or os.sep in source:
        path = Path(source).expanduser().absolute()
        return _in_utf8(path.stem), path
    return source, None


def _in_utf8(stem: str) -> str:
    try:
        stem.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"the file name {stem!r} is not UTF-8, so no client can name it: rename it") from error
    return stem


def _load(name: str, path: Path | None) -> _Loaded:
    if path is None:
        return _Loaded(None, ChatMoA(mixture=load_preset(name)))
    stamp = _stamp(path) if path.is_file() else None
    return _Loaded(stamp, ChatMoA(mixture=Mixture.from_file(path)))


def _stamp(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
