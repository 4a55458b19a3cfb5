"""Mixtures behind OpenAI's protocol: any client that takes a base URL can ask them.

```python
from langgraph_moa.serving import Catalogue, Settings, create_app

app = create_app(Catalogue(["offline", "panel.toml"]), Settings())  # an ASGI application, for any server
```

Needs the extra `serve`. `moa serve` runs it.
"""

from __future__ import annotations

from langgraph_moa.errors import MissingDependencyError
from langgraph_moa.extras import not_installed

try:
    from langgraph_moa.serving.app import create_app
    from langgraph_moa.serving.catalogue import Catalogue
    from langgraph_moa.serving.settings import Settings
except ModuleNotFoundError as error:
    if error.name not in ("limits", "prometheus_client", "starlette"):
        raise
    raise MissingDependencyError(not_installed(error.name, extra="serve")) from error

__all__ = ["Catalogue", "Settings", "create_app"]
