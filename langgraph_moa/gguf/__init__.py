"""Models in GGUF files, run in this process by llama.cpp: `"gguf:PATH"` in a slot, and nothing to install besides.

Needs the extra `gguf`. An engine starts when its file is first asked, serves every slot that names the file with the
same settings, and ends with the process.
"""

from __future__ import annotations

from langgraph_moa.gguf.chat_models import chat_model
from langgraph_moa.gguf.files import problem
from langgraph_moa.gguf.windows import context_window

__all__ = ["chat_model", "context_window", "problem"]
