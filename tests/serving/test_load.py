"""Claims about many streams at once, and about the end of a server."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI

from langgraph_moa.testing import Behaviour, Simulator
from tests.serving.conftest import asked, panel, serving

STREAMS = 200
WORKERS = 2
EVERYWHERE = "0.0.0.0"  # noqa: S104 - of which the server wants to see a token


async def streamed(client: AsyncOpenAI, number: int) -> tuple[str, int]:
    """Ask one question of its own, and return the answer and its tokens."""
    stream = await client.chat.completions.create(
        model="panel",
        messages=[{"role": "user", "content": f"question {number}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text, tokens = "", 0
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        tokens += chunk.usage.total_tokens if chunk.usage else 0
    return text, tokens


@pytest.mark.timeout(180)
async def test_two_hundred_streams(tmp_path: Path) -> None:
    """Of 200 streams at once through two workers, none is lost or mixed up, and all are counted once."""
    echo = Behaviour(reply=lambda body: f"answer to {asked(body)}", delay=0.2)
    with Simulator(echo) as provider:
        panel(tmp_path, "panel")
        with serving(provider, tmp_path, "panel.toml", "--workers", str(WORKERS)) as served:
            async with AsyncOpenAI(base_url=served.url, api_key="none", max_retries=0, timeout=120) as client:
                found = await asyncio.gather(*(streamed(client, number) for number in range(STREAMS)))
            connection = http.client.HTTPConnection(served.url.split("/")[2], timeout=30)
            connection.request("GET", "/metrics")
            metrics = connection.getresponse().read().decode()
            connection.close()
        calls = Counter(request.model for request in provider.requests)
    assert [text for text, _ in found] == [f"answer to question {number}" for number in range(STREAMS)]
    assert all(tokens > 0 for _, tokens in found)
    assert calls == {"one": STREAMS, "two": STREAMS, "echo": STREAMS}
    assert f'moa_requests_total{{model="panel",status="200"}} {STREAMS}.0' in metrics


@pytest.mark.parametrize(("grace", "is_finished"), [("20", True), ("0.2", False)])
def test_a_stop(tmp_path: Path, grace: str, *, is_finished: bool) -> None:
    """SIGTERM lets a running request end within the grace, cancels it behind that, and ends the process with 0."""
    models = {"echo": Behaviour(reply="late", delay=0.5) if is_finished else Behaviour(hang=True)}
    with Simulator(models=models) as provider:
        panel(tmp_path, "panel")
        with serving(provider, tmp_path, "panel.toml", "--grace", grace) as served, ExitStack() as stack:
            connection = http.client.HTTPConnection(served.url.split("/")[2], timeout=60)
            stack.callback(connection.close)
            body = json.dumps({"model": "panel", "messages": [{"role": "user", "content": "Hello"}]})
            connection.request("POST", "/v1/chat/completions", body)
            assert provider.wait_for(lambda sim: any(each.model == "echo" for each in sim.requests), seconds=60)
            served.process.send_signal(signal.SIGTERM)
            if is_finished:
                assert json.loads(connection.getresponse().read())["choices"][0]["message"]["content"] == "late"
            else:
                assert provider.wait_for(lambda sim: sim.in_flight_of["echo"] == 0)
            assert served.process.wait(30) == 0
            assert "Traceback" not in (tmp_path / "stderr").read_text(encoding="utf-8")


def test_a_token(tmp_path: Path, simulator: Simulator) -> None:
    """With a token, a request without it or with another gets 401 in OpenAI's format; health needs none."""
    token = "a-token-that-nobody-guesses"  # noqa: S105 - of this test
    panel(tmp_path, "panel", aggregator="one")
    with serving(simulator, tmp_path, "panel.toml", "--host", EVERYWHERE, LANGGRAPH_MOA_SERVE_TOKEN=token) as served:
        url = served.url.replace(EVERYWHERE, "127.0.0.1")
        for wrong in ("none", token + "x", "é"):
            client = OpenAI(
                base_url=url, api_key="x", max_retries=0, default_headers={"Authorization": wrong_header(wrong)}
            )
            with pytest.raises(Exception, match="a valid token is needed") as caught:
                client.models.list()
            assert token not in str(caught.value)
        assert [model.id for model in OpenAI(base_url=url, api_key=token).models.list()] == ["panel"]
        for path, status in (("/healthz", 200), ("/metrics", 401), ("/", 200), ("/playground/api/mixtures", 401)):
            connection = http.client.HTTPConnection(url.split("/")[2], timeout=30)
            connection.request("GET", path)
            assert (path, connection.getresponse().status) == (path, status)
            connection.close()
        assert token not in (tmp_path / "stderr").read_text(encoding="utf-8")


def wrong_header(token: str) -> str:
    """Return a header that holds only what a header may hold."""
    return f"Bearer {token}".encode("ascii", "replace").decode()
