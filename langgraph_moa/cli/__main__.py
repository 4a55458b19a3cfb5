"""`python -m langgraph_moa.cli`, the same as `moa`."""

from __future__ import annotations

import sys

from langgraph_moa.cli import main

if __name__ == "__main__":
    sys.exit(main())
