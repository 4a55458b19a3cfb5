"""Views: what is shown of a conversation, and which kinds of input it holds."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langgraph_moa.prompts import Document, ask_about
from langgraph_moa.views import Kind, Part, kinds_of, narrowed, not_taken

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARTS: tuple[Part, ...] = get_args(Part)
KINDS: tuple[Kind, ...] = get_args(Kind)
VIEWS: st.SearchStrategy[tuple[Part, ...]] = st.lists(st.sampled_from(PARTS), unique=True).map(tuple)

CALL = {"name": "look", "args": {"at": "the sky"}, "id": "1"}
HOUSE = SystemMessage("Be brief.")
EARLIER = HumanMessage("Is it day?")
LOOKS = AIMessage("I look.", tool_calls=[CALL])
SAW = ToolMessage("blue", tool_call_id="1")
SAID = AIMessage("It is day.")
ASKED = ask_about("How high is the tower?", [Document("tower.md", "The tower is 80 m high.")])
MEASURES = AIMessage("", tool_calls=[CALL])
MEASURED = ToolMessage("80", tool_call_id="1")
WHOLE = [HOUSE, EARLIER, LOOKS, SAW, SAID, ASKED, MEASURES, MEASURED]
OWN = HumanMessage("How high is the tower?")

TEXT = st.text(max_size=8)
DOCUMENTS = st.lists(st.builds(Document, TEXT, TEXT), min_size=1, max_size=2)
BLOCKS = st.lists(
    st.sampled_from([{"type": "image_url", "image_url": {"url": "u"}}, {"type": "tool_use", "id": "1"}, {"type": 3}])
    | TEXT
    | TEXT.map(lambda text: {"type": "text", "text": text}),
    max_size=3,
)
CONTENT: st.SearchStrategy[Any] = TEXT | BLOCKS
MESSAGES: st.SearchStrategy[BaseMessage] = st.one_of(
    CONTENT.map(HumanMessage),
    st.builds(ask_about, TEXT, DOCUMENTS),
    CONTENT.map(SystemMessage),
    CONTENT.map(AIMessage),
    CONTENT.map(lambda content: AIMessage(content, tool_calls=[CALL])),
    CONTENT.map(lambda content: ToolMessage(content, tool_call_id="1")),
    TEXT.map(lambda text: FunctionMessage(content=text, name="look")),
    TEXT.map(lambda text: ChatMessage(content=text, role="critic")),
)
CONVERSATIONS = st.lists(MESSAGES, max_size=7)


def texts(message: BaseMessage) -> Iterator[str]:
    """Yield the texts of a message."""
    for block in [message.content] if isinstance(message.content, str) else message.content:
        yield block if isinstance(block, str) else str(block.get("text", ""))


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        pytest.param(None, WHOLE, id="everything"),
        pytest.param(PARTS, WHOLE, id="all-parts"),
        pytest.param((), [OWN], id="the-question-alone"),
        pytest.param(("system",), [HOUSE, OWN], id="system"),
        pytest.param(("documents",), [ASKED], id="documents"),
        pytest.param(("history",), [EARLIER, SAID, OWN], id="history"),
        pytest.param(("tools",), [OWN, MEASURES, MEASURED], id="tools-of-this-turn"),
        pytest.param(
            ("history", "tools"), [EARLIER, LOOKS, SAW, SAID, OWN, MEASURES, MEASURED], id="tools-of-every-turn"
        ),
    ],
)
def test_parts(view: Sequence[Part] | None, shown: list[BaseMessage]) -> None:
    """Each part shows what its name says, and the question is always there."""
    assert narrowed(WHOLE, view) == shown


@CALM
@given(CONVERSATIONS, VIEWS)
def test_nothing_is_invented_or_moved(messages: list[BaseMessage], view: tuple[Part, ...]) -> None:
    """What is shown is a subsequence of what came in, each text a part of its own; nothing that came in is changed."""
    before = copy.deepcopy(messages)
    shown = narrowed(messages, view)
    assert messages == before
    assert bool(shown) == bool(messages)
    left = iter(messages)
    for message in shown:
        origin = next(other for other in left if same_but_shorter(message, other))
        assert type(message) is type(origin)


def same_but_shorter(shown: BaseMessage, origin: BaseMessage) -> bool:
    """Say whether a message can have come of another by leaving something out."""
    whole = list(texts(origin))
    return shown.type == origin.type and all(any(text in own for own in whole) for text in texts(shown))


@CALM
@given(CONVERSATIONS, VIEWS, VIEWS)
def test_a_view_is_its_own_limit(messages: list[BaseMessage], wide: tuple[Part, ...], narrow: tuple[Part, ...]) -> None:
    """A view of a view shows what both show; the same view twice shows the same."""
    once = narrowed(messages, wide)
    assert narrowed(once, wide) == once
    assert len(narrowed(once, narrow)) <= len(once)


@CALM
@given(CONVERSATIONS)
def test_all_parts_are_everything(messages: list[BaseMessage]) -> None:
    """A view of all parts, and none, show the very messages."""
    for view in (None, PARTS):
        shown = narrowed(messages, view)
        assert all(message is own for message, own in zip(shown, messages, strict=True))


@CALM
@given(CONVERSATIONS, TEXT.filter(str.strip), DOCUMENTS)
def test_the_question_without_its_documents(messages: list[BaseMessage], question: str, found: list[Document]) -> None:
    """With an empty view the question is shown word for word, and no document of it."""
    asked = ask_about(question, found).model_copy(update={"id": "q"})
    assert narrowed([*messages, asked], ()) == [HumanMessage(question, id="q")]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([HOUSE], id="system"),
        pytest.param([HOUSE, SAID], id="answer"),
        pytest.param([MEASURES], id="call"),
        pytest.param([LOOKS, SAW], id="result"),
        pytest.param([ask_about("", [Document("a", "b")])], id="documents-without-question"),
        pytest.param([HumanMessage("")], id="empty-question"),
    ],
)
def test_something_is_always_shown(messages: list[BaseMessage]) -> None:
    """Where nobody has asked in words, the last message stands for the question, as it is."""
    assert narrowed(messages, ()) == messages[-1:]


def test_what_is_unknown_is_shown() -> None:
    """A turn of the history whose content is of no known kind is left as it is."""
    unknown = [HumanMessage([{"type": "hologram"}]), AIMessage([{"type": "scent"}]), OWN]
    assert narrowed(unknown, ("history",)) == unknown


def test_no_conversation_stays_none() -> None:
    """Of nothing, nothing is shown."""
    assert narrowed([], ()) == narrowed([], None) == []


def test_documents_beside_an_image() -> None:
    """A question made of blocks loses its documents and keeps its image, and an emptied block goes."""
    image = {"type": "image", "url": "https://example.org/a.png"}
    documents = ask_about("", [Document("a", "b")]).text
    asked = HumanMessage([{"type": "text", "text": documents}, image, {"type": "text", "text": "What is this?"}])
    assert narrowed([asked], ())[0].content == [image, {"type": "text", "text": "What is this?"}]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(LOOKS, id="calls"),
        pytest.param(
            AIMessage("I look.", invalid_tool_calls=[{**CALL, "args": "{", "error": None}]), id="invalid-calls"
        ),
        pytest.param(AIMessage("I look.", additional_kwargs={"tool_calls": []}), id="openai"),
        pytest.param(AIMessage("I look.", additional_kwargs={"function_call": {}}), id="function"),
        pytest.param(FunctionMessage(content="blue", name="look"), id="result-of-a-function"),
        pytest.param(AIMessage([{"type": "tool_use", "id": "1", "name": "look", "input": {}}]), id="block"),
    ],
)
def test_steps_before_an_answer(step: BaseMessage) -> None:
    """Without `tools`, no message of the history is shown that calls a tool, in whatever form, or holds a result."""
    assert narrowed([EARLIER, step, SAID, OWN], ("history",)) == [EARLIER, SAID, OWN]
    assert narrowed([EARLIER, step, SAID, OWN], ("history", "tools")) == [EARLIER, step, SAID, OWN]


def test_an_answer_loses_what_its_provider_did() -> None:
    """Without `tools`, an answer of the history keeps its text, and not the search that its provider made for it."""
    answer = AIMessage([{"type": "web_search_call", "id": "1"}, "First", {"type": "server_tool_use", "id": "2"}])
    assert narrowed([answer, OWN], ("history",)) == [AIMessage(["First"]), OWN]


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        pytest.param({"type": "image", "base64": "AA", "mime_type": "image/png"}, "image", id="langchain-image"),
        pytest.param({"type": "audio", "base64": "AA", "mime_type": "audio/wav"}, "audio", id="langchain-audio"),
        pytest.param({"type": "video", "url": "https://example.org/a.mp4"}, "video", id="langchain-video"),
        pytest.param({"type": "file", "file_id": "1"}, "file", id="langchain-file"),
        pytest.param({"type": "text-plain", "text": "a"}, "file", id="langchain-text-file"),
        pytest.param({"type": "image_url", "image_url": {"url": "u"}}, "image", id="openai-image"),
        pytest.param({"type": "input_image", "image_url": "u"}, "image", id="openai-responses-image"),
        pytest.param({"type": "input_audio", "input_audio": {"data": "AA"}}, "audio", id="openai-audio"),
        pytest.param({"type": "file", "file": {"file_id": "1"}}, "file", id="openai-file"),
        pytest.param({"type": "document", "source": {"type": "base64"}}, "file", id="anthropic-document"),
        pytest.param({"type": "media", "mime_type": "image/png", "data": "AA"}, "image", id="google-image"),
        pytest.param({"type": "media", "mime_type": "application/pdf", "data": "AA"}, "file", id="google-pdf"),
        pytest.param({"video": {"format": "mp4"}}, "video", id="bedrock-video"),
        pytest.param({"type": "tool_result", "content": [{"type": "image"}]}, "image", id="within-a-result"),
        pytest.param("words", "text", id="words"),
    ],
)
@pytest.mark.parametrize("role", [HumanMessage, SystemMessage, AIMessage])
def test_a_block_counts_by_its_type(role: type[BaseMessage], block: Any, kind: Kind) -> None:
    """The forms of LangChain and of providers are known, in a message of any role."""
    assert kinds_of([OWN, role([block])]) == tuple(one for one in KINDS if one in {"text", kind})
    assert kinds_of([role([block])]) == (kind,)


@CALM
@given(st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_any_content_has_kinds(content: Any) -> None:
    """Whatever stands in a message is read without an error."""
    message = HumanMessage("").model_copy(update={"content": content})
    assert set(kinds_of([message, message])) <= set(KINDS)


def test_blank_text_is_none() -> None:
    """Space is no text."""
    assert kinds_of([HumanMessage(" \n"), HumanMessage([{"type": "text", "text": " "}]), HumanMessage([])]) == ()


@pytest.mark.parametrize(
    ("inputs", "profile", "refused"),
    [
        pytest.param(None, {}, (), id="nothing-is-known"),
        pytest.param(None, {"image_inputs": True}, (), id="taken"),
        pytest.param(None, {"image_inputs": False, "pdf_inputs": False}, ("image", "file"), id="profile"),
        pytest.param(("text", "image"), {"image_inputs": False}, ("file",), id="what-is-told-counts-first"),
        pytest.param(("audio",), {}, ("text", "image", "file"), id="no-text"),
    ],
)
def test_what_a_model_takes(inputs: Sequence[Kind] | None, profile: dict[str, Any], refused: tuple[Kind, ...]) -> None:
    """What a slot names counts, else what the model's profile refuses; what nobody speaks of is taken."""
    assert not_taken(("text", "image", "file"), inputs, profile) == refused
