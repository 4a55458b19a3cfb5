"""What language models are on this machine: servers that answer here, and GGUF files. No other machine is asked."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from importlib.util import find_spec
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from langgraph_moa.gguf_headers import PART, Header, HeaderError, parts_of, read_header

SWITCH = "LANGGRAPH_MOA_LOCAL"
URL_VARIABLE = "LANGGRAPH_MOA_LOCAL_BASE_URL"
FOLDER_VARIABLE = "LANGGRAPH_MOA_GGUF_FOLDER"
_OLLAMA = "http://127.0.0.1:11434"
_SERVERS = ("http://127.0.0.1:8080/v1", "http://127.0.0.1:1234/v1", "http://127.0.0.1:8000/v1")
"""Where llama.cpp, LM Studio and vLLM listen when nothing else is said."""
_FOLDERS = ("~/.cache/llama.cpp", "~/.lmstudio/models")
_SECONDS = 0.5
_LARGEST_REPLY = 2_000_000
_MOST_FILES = 20_000
_MOST_MODELS = 100
_NO_CHAT = ("embed", "rerank", "whisper", "bge-", "mmproj", "tts")
_PASSED = re.compile(r"blobs|refs|\.no_exist|\.locks|(datasets|spaces)--.*")
"""Folders of Hugging Face's cache where no file has the name of a model."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One that can be asked here."""

    name: str
    """As its server lists it; of a file, its path."""
    provider: str
    """`ollama`, `openai` for a server with OpenAI's protocol, or `gguf`."""
    base_url: str | None = None
    """Of such a server."""
    size: int | None = None
    """Bytes; `None`: the server does not say."""
    context: int | None = None
    """Tokens that it was made for; `None`: only a file says."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look."""

    ollama: str | None = _OLLAMA
    servers: tuple[str, ...] = _SERVERS
    """Base URLs, ending in `/v1`."""
    folders: tuple[str, ...] = _FOLDERS

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Return the usual places, and those that the environment names; none where it says `LANGGRAPH_MOA_LOCAL=off`.

        `OLLAMA_HOST` is heeded where it is on this machine, and so are the variables that tell where Hugging Face keeps
        what it has loaded.
        """
        if environment.get(SWITCH, "").strip().lower() == "off":
            return cls(None, (), ())
        own = environment.get(URL_VARIABLE, "").strip()
        folder = environment.get(FOLDER_VARIABLE, "").strip()
        return cls(
            _ollama(environment.get("OLLAMA_HOST", "").strip()),
            ((own,) if own and _is_here(own) else ()) + _SERVERS,
            ((folder,) if folder else ()) + _FOLDERS + (_cache_of_hugging_face(environment),),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found."""

    models: tuple[LocalModel, ...] = ()
    looked: tuple[str, ...] = field(default=())
    """Every place."""
    left_out: tuple[str, ...] = ()
    """GGUF files that cannot be run as they are, each with the reason."""

    def __str__(self) -> str:
        without = f"; left out: {'; '.join(self.left_out)}" if self.left_out else ""
        if not self.models:
            looked = ", ".join(self.looked) or "nothing"
            return f"no language model was found on this machine (looked at {looked}){without}"
        where = dict.fromkeys(_where(model) for model in self.models)
        counts = [(place, sum(_where(model) == place for model in self.models)) for place in where]
        return f"found {', '.join(f'{count} at {place}' for place, count in counts)}{without}"


def find_local_models(places: Places | None = None) -> Finding:
    """Look for language models on this machine: half a second at most for each server, all at once.

    Args:
        places: Where to look; `None`: as the environment says.
    """
    places = places or Places.of_environment()
    servers = dict.fromkeys(places.servers)
    with ThreadPoolExecutor(len(servers) + 2) as pool:
        found = [
            *([pool.submit(_in_ollama, places.ollama)] if places.ollama is not None else []),
            *(pool.submit(_at_server, url) for url in servers),
        ]
        files = pool.submit(_in_folders, places.folders).result()
        models = [*(model for future in found for model in future.result()), *files.models]
    looked = (*([places.ollama] if places.ollama else []), *servers, *places.folders)
    return Finding(tuple(islice(models, _MOST_MODELS)), looked, files.left_out)


def _in_ollama(url: str) -> list[LocalModel]:
    listed = _rows(_asked(f"{url}/api/tags"), "models")
    own = find_spec("langchain_ollama") is not None
    return [
        LocalModel(row["name"], "ollama", None, _size(row.get("size")))
        if own
        else LocalModel(row["name"], "openai", f"{url}/v1", _size(row.get("size")))
        for row in listed
        if isinstance(row.get("name"), str) and _chats(row["name"])
    ]


def _at_server(url: str) -> list[LocalModel]:
    listed = _rows(_asked(f"{url.rstrip('/')}/models"), "data")
    return [
        LocalModel(row["id"], "openai", url)
        for row in listed
        if isinstance(row.get("id"), str) and _chats(row["id"]) and row.get("owned_by") != "langgraph-moa"
    ]


class _Files(NamedTuple):
    """What folders hold."""

    models: list[LocalModel]
    left_out: tuple[str, ...]


def _in_folders(folders: Iterable[str]) -> _Files:
    if find_spec("xllamacpp") is None:
        return _Files([], ())
    models: dict[Path, LocalModel] = {}
    left_out: dict[str, None] = {}
    for file in islice((file for folder in folders for file in _files(folder)), _MOST_MODELS):
        try:
            models.setdefault(file.resolve(), _model(file))
        except HeaderError as error:
            left_out[str(error)] = None
        except OSError as error:
            left_out[f"{file.name} cannot be read: {error.strerror}"] = None
    return _Files(list(models.values()), tuple(left_out))


def _model(file: Path) -> LocalModel:
    """Return the model of a file, and of those that hold its further parts.

    Raises:
        HeaderError: One of them is no GGUF file, or not all of it is there.
        OSError: One of them cannot be read.
    """
    parts = parts_of(file)
    headers: list[Header] = [read_header(part) for part in parts]
    size = sum(part.stat().st_size for part in parts)
    return LocalModel(str(file), "gguf", None, size, headers[0].context_length)


def _files(folder: str) -> Iterator[Path]:
    """Yield the files of a folder that are models, by their names; of one in parts, the first."""
    try:
        found = sorted(file for file in islice(_walked(Path(folder).expanduser()), _MOST_FILES))
    except (OSError, RuntimeError, ValueError):
        return
    for file in found:
        named = PART.fullmatch(file.stem)
        is_first = named is None or int(named[2]) == 1
        if file.suffix == ".gguf" and _chats(file.name) and is_first and file.is_file():
            yield file


def _walked(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and those below it."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _PASSED.fullmatch(name)]
        yield from (Path(place) / name for name in names)


def _cache_of_hugging_face(environment: Mapping[str, str]) -> str:
    """Return the folder where Hugging Face's own library keeps models."""
    cache = environment.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    home = environment.get("HF_HOME", "").strip() or f"{cache}/huggingface"
    return environment.get("HF_HUB_CACHE", "").strip() or f"{home}/hub"


def _asked(url: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a server on this machine answers; `None` where there is none, or it says something else."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    until = time.monotonic() + _SECONDS
    reply = b""
    try:
        with opener.open(url, timeout=_SECONDS) as response:
            while (part := response.read1(_LARGEST_REPLY)) and len(reply) < _LARGEST_REPLY and time.monotonic() < until:
                reply += part
        return json.loads(reply)
    except (HTTPException, OSError, ValueError, RecursionError):
        return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a redirection could lead to another machine."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


def _rows(answer: object, name: str) -> list[dict[str, Any]]:
    rows = answer.get(name) if isinstance(answer, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _size(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _chats(name: str) -> bool:
    return bool(name.strip()) and not any(word in name.lower() for word in _NO_CHAT)


def _where(model: LocalModel) -> str:
    if model.provider == "gguf":
        return str(Path(model.name).parent)
    return model.base_url or "Ollama"


def _ollama(host: str) -> str | None:
    if not host:
        return _OLLAMA
    url = host if "://" in host else f"http://{host}"
    if not _is_here(url):
        return None
    try:
        port = urlsplit(url).port or 11434
    except ValueError:
        return None
    parts = urlsplit(url)
    name = "127.0.0.1" if parts.hostname in ("0.0.0.0", "::") else parts.hostname  # noqa: S104 - as Ollama's server has it
    return f"{parts.scheme}://{f'[{name}]' if ':' in str(name) else name}:{port}"


def _is_here(url: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        host = urlsplit(url).hostname or ""
        address = None if host == "localhost" else ip_address(host)
    except ValueError:
        return False
    return address is None or address.is_loopback or address.is_unspecified
