"""A run watched from a notebook: `graph.invoke(question, {"callbacks": [LiveView()]})`."""

from langgraph_moa.notebook.live_view import LiveView

__all__ = ["LiveView"]
