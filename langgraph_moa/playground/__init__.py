"""A page on which a mixture is asked and watched, and what it asks of a server.

```python
from starlette.applications import Starlette

app = Starlette(routes=playground_routes(mixtures))
```
"""

from __future__ import annotations

from langgraph_moa.errors import MissingDependencyError
from langgraph_moa.extras import not_installed

try:
    from langgraph_moa.playground.earlier_runs import EarlierRuns
    from langgraph_moa.playground.routes import ASK_PATH, OPEN_PATHS, Mixtures, playground_routes
except ModuleNotFoundError as error:
    if error.name not in ("markdown_it", "sse_starlette", "starlette"):
        raise
    raise MissingDependencyError(not_installed(error.name, extra="serve")) from error

__all__ = ["ASK_PATH", "OPEN_PATHS", "EarlierRuns", "Mixtures", "playground_routes"]
