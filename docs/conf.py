"""How Sphinx makes pages of this folder: `make docs`. Nothing is fetched, and no page loads anything from elsewhere."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from typing import Any, Literal, cast

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

Kind = Literal[
    "module", "class", "exception", "function", "decorator", "method", "property", "attribute", "data", "type"
]
"""What autodoc may document."""

project = "langgraph-moa"
author = "The langgraph-moa authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = version_of("langgraph-moa")
html_title = f"{project} {release}"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
smartquotes_action = "D"
default_role = "code"  # docstrings are written in Markdown
nitpicky = True
nitpick_ignore_regex = [("py:(class|exc|obj)", ".*")]  # docstrings name types that have no page, here or on the network

myst_heading_anchors = 3  # links to headings lead where they lead on GitHub
suppress_warnings = ["myst.header"]  # the benchmarks write their tables under headings of the third level

autodoc_default_options = {
    "members": True,
    "exclude-members": "model_config, model_post_init, is_lc_serializable, get_lc_namespace",  # pydantic's, LangChain's
}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"  # fields have their types where they are described
autodoc_typehints_format = "short"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sourcelink = False

_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INFLECTED = re.compile(r"(`[^`\n]+`)(?=\w)")
_GOOGLE = cast("Any", Config(napoleon_numpy_docstring=False))


def _with_directives(code: re.Match[str]) -> str:
    indent, language, lines = code.groups()
    inner = "".join(f"    {line}\n" if line.strip() else "\n" for line in lines.splitlines())
    return f"\n{indent}.. code-block:: {language or 'text'}\n\n{inner}"


def _as_markup(  # noqa: PLR0917 - the signature is Sphinx's
    app: Sphinx, what: Kind, name: str, documented: object, options: object, lines: list[str]
) -> None:
    """Write a docstring's fenced blocks and Google sections in the markup that autodoc reads.

    A field's docstring is no `type: text`, as napoleon would read it: it may hold a colon like any other sentence.
    """
    text = _INFLECTED.sub(r"\1\\ ", _FENCED.sub(_with_directives, "\n".join(lines)))
    kind: Kind | Literal["object"] = "object" if what in ("attribute", "data", "property") else what
    lines[:] = GoogleDocstring(text, _GOOGLE, app, kind, name, documented, options).lines()


def setup(app: Sphinx) -> None:
    """Connect what is above: Sphinx calls this."""
    app.connect("autodoc-process-docstring", _as_markup)
