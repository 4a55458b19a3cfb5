"""A report as Markdown, as JSON and as a page for the browser."""

from __future__ import annotations

from langgraph_moa.evaluation.pages.files import FORMATS, write_report
from langgraph_moa.evaluation.pages.markdown import to_markdown
from langgraph_moa.evaluation.pages.plain import as_data, from_json, to_json
from langgraph_moa.evaluation.pages.web import to_html

__all__ = ["FORMATS", "as_data", "from_json", "to_html", "to_json", "to_markdown", "write_report"]
