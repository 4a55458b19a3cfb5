"""The playground on a server of its own, with mixtures that each show one thing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from langchain_core.messages.ai import UsageMetadata
from starlette.applications import Starlette
from starlette.types import ASGIApp

from langgraph_moa import Layer, Mixture, PriceTable, Proposer, StopWhen, load_preset
from langgraph_moa.errors import ConfigurationError
from langgraph_moa.playground import EarlierRuns, playground_routes
from langgraph_moa.testing import ScriptedChatModel
from langgraph_moa.usage import Price

HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(2)></script><style>body{display:none}</style>
[a](javascript:alert(3)) [b](data:text/html,<script>alert(4)</script>) ![c](https://elsewhere.example/pixel.png)
<iframe src=https://elsewhere.example></iframe><a href="javascript:alert(5)" onclick=alert(6)>d</a>
<https://elsewhere.example/e> </div></article><form action=https://elsewhere.example><button>f</button></form>
`</code><script>alert(7)</script>` &lt;script&gt;alert(8)&lt;/script&gt;"""
HELD = 30.0
"""Seconds for which a model keeps silent that nobody waits for."""

POOR_CONTRASTS = """() => {
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const part = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const ground = element => {
    const colour = parts(getComputedStyle(element).backgroundColor);
    return colour.length === 4 && colour[3] === 0 ? ground(element.parentElement) : colour;
  };
  return [...document.querySelectorAll('body *')]
    .filter(e => e.checkVisibility() && !e.closest('.unseen, .skip, :disabled, option'))
    .filter(e => [...e.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(e => {
      const [light, dark] = [luminance(parts(getComputedStyle(e).color)), luminance(ground(e))].sort((a, b) => b - a);
      return [e.outerHTML.slice(0, 80), (light + 0.05) / (dark + 0.05)];
    })
    .filter(([, contrast]) => contrast < 4.5);
}"""
"""Script for a browser: the texts that are seen with a contrast below 4.5 to 1 (WCAG 2.2, AA), and that contrast."""


@dataclass(frozen=True)
class Named:
    """Mixtures by name, as a server's catalogue gives them."""

    mixtures: Mapping[str, Mixture]

    def names(self) -> tuple[str, ...]:
        """Return the names."""
        return tuple(self.mixtures)

    def mixture(self, name: str) -> Mixture:
        """Return one."""
        if name not in self.mixtures:
            raise ConfigurationError(f"there is no mixture {name!r}. Mixtures: {', '.join(self.mixtures)}")
        return self.mixtures[name]


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free port of 127.0.0.1; give its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def playground(mixtures: Mapping[str, Mixture], runs: EarlierRuns | None = None) -> Starlette:
    """Return an application with nothing but the playground."""
    return Starlette(routes=playground_routes(Named(mixtures), runs))


def saying(reply: str, **options: Any) -> ScriptedChatModel:
    """Return a model that answers so, and reports tokens."""
    tokens = UsageMetadata(input_tokens=40, output_tokens=len(reply.split()), total_tokens=40 + len(reply.split()))
    return ScriptedChatModel(replies=reply, usage=tokens, **options)


def mixtures() -> dict[str, Mixture]:
    """Return what the tests of the page ask."""
    return {
        "offline": load_preset("offline"),
        "trouble": trouble(),
        "endless": Mixture.of(
            [Proposer(ScriptedChatModel(delay=HELD), name="endless")], saying("never"), name="endless"
        ),
        "hostile": Mixture.of(
            [Proposer(saying(HOSTILE), name="wicked"), Proposer(saying("fine"), name="kind")],
            saying(HOSTILE),
            name="hostile",
        ),
        "doomed": Mixture.of(
            [Proposer(ScriptedChatModel(replies=RuntimeError("out of order")), name="broken")],
            saying("never"),
            name="doomed",
        ),
        "agreed": Mixture.of(
            [Proposer(saying("42"), name=name) for name in ("one", "two", "three")],
            saying("It is 42."),
            depth=3,
            stop_when=StopWhen(by="answers", skips="layers"),
            name="agreed",
        ),
        "wide": Mixture.of([Proposer(saying("yes"), samples=24, name="voice")], saying("Yes."), name="wide"),
    }


def trouble() -> Mixture:
    """Return a mixture with a proposer of each kind of end: answered, failed, late, cancelled."""
    text = "It is **warm**:\n\n- first\n- second\n\n| a | b |\n|---|--:|\n| 1 | 2 |"
    first = Layer(
        [
            Proposer(saying(text), name="quick"),
            Proposer(saying("It is cold."), name="second"),
            Proposer(ScriptedChatModel(replies=RuntimeError("the provider is out of order")), name="broken"),
            Proposer(ScriptedChatModel(delay=HELD), name="late", timeout=0.15),
            Proposer(ScriptedChatModel(delay=HELD), name="slow"),
        ],
        quorum=2,
        grace=0.3,
    )
    prices = PriceTable(prices={"scriptedchatmodel:scripted": Price(1.0, 2.0)}, date="2026-01-01", source="these tests")
    return Mixture([first], saying("It is **warm**, all in all."), name="trouble", prices=prices)
