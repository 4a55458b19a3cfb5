"""What can be done for an aggregator while the last layer is at work: names and figures only."""

from __future__ import annotations

from typing import Literal

WarmUp = Literal["connection", "prompt"]
WARM_UP = "warm_up"
"""Of the graph node behind `layer_<number>_`, and of its record."""
KEPT_IDLE = 4.0
"""Seconds after which an idle connection is used again. The OpenAI SDK's clients, and some servers, close one after
five."""
