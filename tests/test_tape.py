"""Claims about the keys of requests, and about messages as a tape holds them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.tools import tool
from pydantic import BaseModel, SecretStr

from langgraph_moa.prompts import mark_draw
from langgraph_moa.tape import canonical, played_answer, request_key, taken_answer

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def key(*messages: BaseMessage, identity: dict[str, Any] | None = None, **arguments: Any) -> str:
    """Return the key of a request."""
    return request_key(identity or {"model": "openai:red"}, messages, arguments, None)


@given(PLAIN)
def test_canonical_is_independent_of_order(value: Any) -> None:
    """Equal data is written equally, in whatever order its tables were filled."""

    def turned(held: Any) -> Any:
        if isinstance(held, dict):
            return {name: turned(held[name]) for name in reversed(held)}
        return [turned(item) for item in held] if isinstance(held, list) else held

    assert canonical(value) == canonical(turned(value))


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_other_words_have_another_key(texts: list[str]) -> None:
    """A request that differs in a character has another key, lone halves of characters aside."""
    first, second = (text.encode("utf-8", "replace").decode() for text in texts)
    assert (key(HumanMessage(first)) == key(HumanMessage(second))) is (first == second)


def conversation() -> list[BaseMessage]:
    """Return a conversation with a tool, whose ids are its own."""
    call = str(uuid4())
    return [
        SystemMessage("Be brief.", id=str(uuid4())),
        HumanMessage([{"type": "text", "text": "Why?", "id": f"lc_{uuid4()}"}], id=str(uuid4())),
        AIMessage("", tool_calls=[{"name": "look_up", "args": {"word": "why"}, "id": call}], id=str(uuid4())),
        ToolMessage("because", tool_call_id=call, id=str(uuid4())),
    ]


def test_ids_do_not_count() -> None:
    """Ids of messages, blocks and calls, which every run has its own of, are no part of a key."""
    assert key(*conversation()) == key(*conversation())
    changed = conversation()
    changed[-1] = ToolMessage("because of it", tool_call_id=changed[-1].tool_call_id)  # type: ignore[attr-defined]
    assert key(*changed) != key(*conversation())


def test_metadata_does_not_count_but_draws_do() -> None:
    """What an answer of an earlier turn says of its run is no part of a key; which draw is asked for is."""
    asked = [AIMessage("4", response_metadata={"moa": {"seconds": 1.5}}), HumanMessage("Sure?")]
    plain = [AIMessage("4"), HumanMessage("Sure?")]
    assert key(*asked) == key(*plain)
    assert len({key(*mark_draw(plain, draw)) for draw in (1, 2, 3)}) == 3


@pytest.mark.parametrize("secret", ["api_key", "default_headers", "openai_api_key", "Authorization"])
def test_secrets_do_not_count(secret: str) -> None:
    """A key has nothing of a secret in it, not even whether there is one."""
    identities = [{"model": "openai:red", "arguments": more} for more in ({secret: "a"}, {secret: SecretStr("b")}, {})]
    assert len({key(HumanMessage("Why?"), identity=identity) for identity in identities}) == 1


def test_tools_count_in_any_form() -> None:
    """A tool is the same request as its description, and another tool is another."""

    class Look(BaseModel):
        """Look a word up."""

        word: str

    @tool
    def guess(word: str) -> str:
        """Guess a word."""
        return word

    question = HumanMessage("Why?")
    assert key(question, tools=[Look]) == key(question, tools=[Look])
    assert (
        len({key(question, tools=[Look]), key(question, tools=[guess]), key(question), key(question, tools=None)}) == 3
    )


@given(st.text(), st.dictionaries(st.text(max_size=5), PLAIN, max_size=3), st.integers(0, 99), st.booleans())
def test_a_message_comes_back_equal(text: str, metadata: dict[str, Any], tokens: int, calls: bool) -> None:  # noqa: FBT001
    """An answer that was written down and read again is equal, in every field."""
    metadata.pop("headers", None)
    call = {"name": "look_up", "args": {"word": "why"}, "id": "call-1", "type": "tool_call"}
    usage = UsageMetadata(input_tokens=tokens, output_tokens=1, total_tokens=tokens + 1)
    message = AIMessage(
        text.encode("utf-8", "replace").decode(),
        response_metadata=metadata,
        usage_metadata=usage,
        id="run-1",
        tool_calls=[call] if calls else [],
    )
    written = json.loads(json.dumps(taken_answer(message, ())))
    assert played_answer(written) == message


def test_an_answer_that_tells_a_cost_alone() -> None:
    """An answer from LangChain's cache whose model told no tokens, only a cost of 0, can be played again."""
    cached = AIMessage("x").model_copy(update={"usage_metadata": {"total_cost": 0}})
    assert played_answer(json.loads(json.dumps(taken_answer(cached, ())))) == AIMessage("x")


def test_secrets_are_masked() -> None:
    """Known secrets are masked wherever they stand in an answer, and headers whole; probabilities of tokens stay."""
    logprobs = {"content": [{"token": "Yes", "logprob": -0.1}]}
    told = {"logprobs": logprobs, "headers": {"set-cookie": "abc"}, "note": "it is s3cret-value"}
    message = AIMessage(
        "s3cret-value", response_metadata=told, tool_calls=[{"name": "x", "args": {"s3cret-value": 1}, "id": "1"}]
    )
    written = taken_answer(message, ["s3cret-value", "abc"])
    assert "s3cret-value" not in json.dumps(written)
    assert written["data"]["response_metadata"]["headers"] == {"set-cookie": "**********"}
    assert written["data"]["response_metadata"]["logprobs"] == logprobs


def test_only_answers() -> None:
    """A tape that holds another kind of message in place of an answer is refused."""
    with pytest.raises(TypeError, match="this one holds a HumanMessage"):
        played_answer({"type": "human", "data": {"content": "Why?", "type": "human"}})


def test_a_secret_within_another() -> None:
    """Of two secrets, one of which begins as the other, no part is left."""
    written = taken_answer(AIMessage("sk-canary-0123456789"), ["sk-canary", "sk-canary-0123456789"])
    assert "0123456789" not in str(written)
