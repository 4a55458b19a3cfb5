"""Claims about the application by itself."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from langgraph_moa.errors import ConfigurationError
from langgraph_moa.serving import Catalogue, Settings, create_app
from langgraph_moa.serving.failures import failure_of

QUESTION = {"question": "What is a quorum?", "mixture": "offline"}
CHAT = {"model": "offline", "messages": [{"role": "user", "content": "What is a quorum?"}]}


def client(settings: Settings) -> httpx.AsyncClient:
    """Return a client of an application in this process."""
    transport = httpx.ASGITransport(create_app(Catalogue(["offline"]), settings), client=("127.0.0.1", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_the_page_and_the_api_share_their_limits() -> None:
    """A run of the page counts as a request: the pace of an address and the places hold for both together."""
    async with client(Settings(requests_per_minute=2)) as asked:
        assert (await asked.post("/playground/api/ask", json=QUESTION)).status_code == 200
        assert (await asked.post("/v1/chat/completions", json=CHAT)).status_code == 200
        for path, body in (("/playground/api/ask", QUESTION), ("/v1/chat/completions", CHAT)):
            refused = await asked.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
            assert int(refused.headers["Retry-After"]) > 0
        assert (await asked.get("/playground/api/mixtures")).status_code == 200


@pytest.mark.parametrize("page", [True, False])
async def test_the_page_can_be_left_out(*, page: bool) -> None:
    """Without the page, its paths are not there; the API is."""
    async with client(Settings(page=page)) as asked:
        assert (await asked.get("/")).status_code == (200 if page else 404)
        assert (await asked.get("/v1/models")).json()["data"][0]["id"] == "offline"


async def test_metrics_tell_of_every_request() -> None:
    """Requests, proposals and dollars are counted by model; a name that is not served makes no label of its own."""
    async with client(Settings()) as asked:
        await asked.post("/v1/chat/completions", json=CHAT)
        await asked.post("/v1/chat/completions", json={**CHAT, "model": "x" * 50})
        told = (await asked.get("/metrics")).text
    assert 'moa_requests_total{model="offline",status="200"} 1.0' in told
    assert 'moa_requests_total{model="unknown",status="404"} 1.0' in told
    assert 'moa_proposals_total{model="offline",status="ok"} 5.0' in told
    assert 'moa_cost_dollars_total{model="offline"} 0.0' in told
    assert "moa_requests_in_flight 0.0" in told
    assert "x" * 50 not in told


async def test_waiting_for_a_turn() -> None:
    """With one place, requests are answered one after the other, on the page too; the next beyond the room gets 429."""
    async with client(Settings(most_at_once=1, most_waiting=1)) as asked:
        answered = await asyncio.gather(
            *(asked.post("/v1/chat/completions", json=CHAT) for _ in range(3)),
            *(asked.post("/playground/api/ask", json=QUESTION) for _ in range(3)),
        )
        assert Counter(one.status_code for one in answered) == {200: 2, 429: 4}
        assert (await asked.post("/playground/api/ask", json=QUESTION)).status_code == 200


def test_nothing_of_the_servers_folders_is_told() -> None:
    """An error names a file of the server's without its folder, and addresses as they are."""
    error = ConfigurationError("'gguf:/home/somebody/x.gguf' is not at http://127.0.0.1:80/v1/models")
    assert failure_of(error).message == "'gguf:x.gguf' is not at http://127.0.0.1:80/v1/models"
