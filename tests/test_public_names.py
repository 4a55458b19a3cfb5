"""What `import langgraph_moa` offers, and what it does not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import langgraph_moa

HEAVY = (
    "langgraph.graph",
    "langgraph.pregel",
    "langchain",
    "langchain_core",
    "langchain_openai",
    "langchain_together",
    "openai",
    "together",
    "pydantic",
    "numpy",
    "httpx",
    "typer",
)


@pytest.mark.parametrize("name", langgraph_moa.__all__)
def test_every_public_name_imports(name: str) -> None:
    """Every name in `__all__` can be had, is listed by `dir`, and is no module."""
    assert not isinstance(getattr(langgraph_moa, name), ModuleType)
    assert name in dir(langgraph_moa)


def test_types_and_names_agree() -> None:
    """What type checkers see is what can be imported at run time: `__all__`, sorted, each name once."""
    tree = ast.parse(Path(langgraph_moa.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in ast.walk(block) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(langgraph_moa.__all__)
    assert langgraph_moa.__all__ == sorted(set(langgraph_moa.__all__))


def test_a_star_import_gives_all_names() -> None:
    """`from langgraph_moa import *` brings every public name and nothing else."""
    namespace: dict[str, object] = {}
    exec("from langgraph_moa import *", namespace)  # noqa: S102 - a star cannot be imported inside a function
    assert set(namespace) - {"__builtins__"} == set(langgraph_moa.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not there is told as Python does."""
    with pytest.raises(AttributeError, match="module 'langgraph_moa' has no attribute 'Mixtur'"):
        langgraph_moa.Mixtur  # noqa: B018 - reading it is what fails


def test_version() -> None:
    """`__version__` is that of the installed distribution."""
    assert langgraph_moa.__version__ == version("langgraph-moa")


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running `code`."""
    listing = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_import_loads_no_framework() -> None:
    """`import langgraph_moa` loads neither LangGraph nor a provider's package nor anything else that is heavy."""
    assert not loaded_by("import langgraph_moa, langgraph_moa.errors") & set(HEAVY)


def test_a_recipe_loads_no_provider() -> None:
    """Writing a mixture of model strings imports no provider's package."""
    code = "import langgraph_moa as moa; moa.Mixture.of(['openai:a', 'together:b'], 'ollama:c').plan()"
    loaded = {module.partition(".")[0] for module in loaded_by(code)}
    assert "langgraph_moa" in loaded
    assert not loaded & {
        "langchain_openai",
        "langchain_together",
        "langchain_ollama",
        "openai",
        "together",
        "httpx_sse",
    }
