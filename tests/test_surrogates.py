"""Half characters are replaced, whole ones are kept, and what needs no change is not touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from langgraph_moa.surrogates import well_formed, well_formed_message, well_formed_messages

ANY = st.text(st.characters() | st.characters(categories=["Cs"]))
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def by_hand(text: str) -> str:
    """Join pairs and replace the rest, one by one."""
    joined = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return re.sub("[\ud800-\udfff]", "\ufffd", joined)


@settings(deadline=None)
@given(ANY)
@example("a\ud83d\ude00b")
@example("\ud83d\ud83d\ude00\ude00")
@example("\udc00\ud800")
@example("ends in \ud800")
@example("\x00\ufeff\ufffe\U0010ffff\ud800")
def test_text_becomes_well_formed(text: str) -> None:
    """Each lone surrogate gives one U+FFFD, each pair the character it stands for, and all else stays."""
    made = well_formed(text)
    assert made == by_hand(text)
    assert made.encode().decode() == made
    assert well_formed(made) is made


@settings(deadline=None)
@given(st.text())
def test_well_formed_text_is_the_same_object(text: str) -> None:
    """Text that can be encoded is not copied."""
    assert well_formed(text) is text


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage("Why?"),
        HumanMessage(
            [{"type": "text", "text": "é👍"}, "plain", {"type": "image_url", "image_url": {"url": "data:,x"}}]
        ),
        AIMessage("", tool_calls=[{"name": "look_up", "args": {"q": ["é"]}, "id": "1"}]),
        ToolMessage("x", tool_call_id="1"),
    ],
)
def test_a_message_that_can_be_sent_is_the_same_object(message: BaseMessage) -> None:
    """Nothing is copied where there is nothing to mend."""
    assert well_formed_message(message) is message
    assert well_formed_messages([message, message]) == [message, message]


def test_a_message_is_mended_everywhere() -> None:
    """Text, blocks and the arguments of tool calls are mended in a copy that keeps all the rest."""
    call = {"name": "look_up", "args": {"q\udc00": ["\ud800", 1, None]}, "id": "1"}
    given = AIMessage(["a\ud800", {"type": "text", "text": "\udfffb"}], tool_calls=[call], id="m", name="n")
    given.response_metadata = {"model_name": "x\ud800", "logprobs": None}
    made = well_formed_message(given)
    assert made.content == ["a\ufffd", {"type": "text", "text": "\ufffdb"}]
    assert made.tool_calls[0]["args"] == {"q\ufffd": ["\ufffd", 1, None]}
    assert made.response_metadata == {"model_name": "x\ufffd", "logprobs": None}
    assert (made.id, made.name) == ("m", "n")
    assert given.content == ["a\ud800", {"type": "text", "text": "\udfffb"}]


def test_only_the_messages_that_need_it_are_copied() -> None:
    """In a conversation, all other messages stay the objects they were."""
    messages: list[BaseMessage] = [SystemMessage("a"), HumanMessage("\ud800"), AIMessage("b")]
    made = well_formed_messages(messages)
    assert made[0] is messages[0]
    assert made[1].content == "\ufffd"
    assert made[2] is messages[2]
