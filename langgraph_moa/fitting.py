"""Whether a request fits a context window, and how references are made to fit: shortened, or shown in windows.

Pure functions. Tokens are estimated from text alone, so that no tokenizer has to be fetched, and on the high side.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langgraph_moa.checks import listed

BYTES_PER_TOKEN = 3
"""UTF-8 bytes that are counted as one token."""

TOKENS_PER_MESSAGE = 4
"""What the role and the limits of a message are counted as."""

TOKENS_PER_ATTACHMENT = 1_000
"""What a block that is no text, such as an image, is counted as, whatever its size."""

SMALLEST_SHARE = 48
"""Tokens below which a shortened reference would say too little to be worth showing."""

_MARK = "[... {:,} characters left out ...]"
_WORD_REACH = 80
"""Most characters given up so that a cut falls between lines or words."""
_CLUSTER_REACH = 32
"""Most code points given up so that a cut divides no character; only hostile text has longer clusters."""
_CONTINUATION = range(0x80, 0xC0)
"""Bytes with which no code point begins in UTF-8."""
_VIRAMA = 9
"""Unicode's combining class of the signs that join two consonants."""
_CALLS = ("tool_use", "tool_call", "function_call")
"""Types of content blocks that repeat a message's tool calls."""
_WORDS = ("text", "thinking", "reasoning")
"""Where a content block holds text."""


class DoesNotFit(Exception):  # noqa: N818 - a finding for the caller to act on, not an error that users see
    """References cannot be made short enough.

    Args:
        needed: The fewest tokens with which this step would have been possible.
        available: Tokens that there were; negative when the conversation alone is too long.
    """

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(needed, available)
        self.needed = needed
        self.available = available

    def __str__(self) -> str:
        return f"the references need at least {self.needed:,} tokens, and {self.available:,} are available"


def estimate_tokens(text: str) -> int:
    """Count a token for every three UTF-8 bytes, rounded up.

    More than English prose takes (about four bytes a token), about right for code, near for Chinese, Japanese and
    Korean (three bytes a character, about one token).
    """
    return -(-len(_encoded(text)) // BYTES_PER_TOKEN)


def estimate_request(messages: Sequence[BaseMessage]) -> int:
    """Estimate the tokens of a conversation.

    Text and thinking count as in `estimate_tokens`, a tool call by its JSON, any other block `TOKENS_PER_ATTACHMENT`,
    and each message `TOKENS_PER_MESSAGE` on top. Definitions of tools are no part of a conversation: not counted.
    """
    return sum(map(_message_tokens, messages))


def estimate_tools(tools: Sequence[object]) -> int:
    """Estimate the tokens of the definitions of tools, by their JSON."""
    return estimate_tokens(json.dumps(list(tools), ensure_ascii=False, default=str)) if tools else 0


def shorten(references: Sequence[str], available: int) -> tuple[str, ...]:
    """Shorten references until they fit together.

    Each has an equal share; what the short ones leave of theirs goes to the long ones. One that fits its share comes
    back as it is. A longer one keeps its beginning (two thirds) and its end (one third); between them stands a line
    that says how many characters were left out. Cuts fall between lines or words where one ends nearby.

    Args:
        references: In the order in which they are shown; neither order nor number changes.
        available: Tokens for all of them together, without what encloses them.

    Raises:
        DoesNotFit: A reference that must be cut would have less than `SMALLEST_SHARE` tokens.
    """
    sizes = [estimate_tokens(reference) for reference in listed("references", references)]
    needed = sum(min(size, SMALLEST_SHARE) for size in sizes)
    if needed > available:
        raise DoesNotFit(needed, available)
    share = _share(sizes, available)
    return tuple(
        reference if size <= share else _cut(reference, share)
        for reference, size in zip(references, sizes, strict=True)
    )


def windows(
    references: Sequence[str], available: int, *, carried: int, enclosing: int = 0
) -> tuple[tuple[str, ...], ...]:
    """Divide references into windows that are aggregated one after the other.

    Each window takes as many whole references as fit. One that does not fit even alone is shortened as in `shorten`.

    Args:
        references: In the order in which they are shown. The windows one behind the other give the same order.
        available: Tokens for what one window shows.
        carried: Tokens of it that every window but the first keeps for the synthesis of those before it.
        enclosing: Tokens that each reference takes on top of its text, for what stands around it.

    Returns:
        Windows of at least one reference each; none for no references.

    Raises:
        DoesNotFit: A reference would have less than `SMALLEST_SHARE` tokens in a window of its own.

    Source: Li et al. 2025 (arXiv:2502.00674), Self-MoA-Seq.
    """
    texts = listed("references", references)
    shares = window_shares(list(map(estimate_tokens, texts)), available, carried=carried, enclosing=enclosing)
    rest = iter(texts)
    return tuple(tuple(shorten((next(rest),), share)[0] for share in window) for window in shares)


def window_shares(
    sizes: Sequence[int], available: int, *, carried: int, enclosing: int = 0
) -> tuple[tuple[int, ...], ...]:
    """Divide references of these tokens into windows as `windows` does; return what each may take of its window."""
    divided: list[list[int]] = []
    room = 0
    for size in sizes:
        if divided and size + enclosing <= room:
            divided[-1].append(size)
            room -= size + enclosing
            continue
        taken = enclosing + (carried if divided else 0)
        needed = taken + min(size, SMALLEST_SHARE)
        if needed > available:
            raise DoesNotFit(needed, available)
        share = min(size, available - taken)
        divided.append([share])
        room = available - taken - size if share == size else 0
    return tuple(map(tuple, divided))


def _message_tokens(message: BaseMessage) -> int:
    blocks = [message.content] if isinstance(message.content, str) else message.content
    repeated = [block for block in blocks if isinstance(block, dict) and block.get("type") in _CALLS]
    parsed = [*message.tool_calls, *message.invalid_tool_calls] if isinstance(message, AIMessage) else []
    written = (json.dumps(call, ensure_ascii=False, default=str) for call in parsed or repeated)
    shown = sum(_block_tokens(block) for block in blocks if block not in repeated)
    return TOKENS_PER_MESSAGE + shown + sum(map(estimate_tokens, written))


def _block_tokens(block: str | Mapping[str, Any]) -> int:
    if isinstance(block, str):
        return estimate_tokens(block)
    texts = [block[key] for key in _WORDS if isinstance(block.get(key), str)]
    return sum(map(estimate_tokens, texts)) if texts else TOKENS_PER_ATTACHMENT


def _share(sizes: Sequence[int], available: int) -> int:
    """Return the greatest share with which sizes, each cut down to it, add up to `available` or less."""
    rest = available
    for done, size in enumerate(sorted(sizes)):
        share = rest // (len(sizes) - done)
        if size > share:
            return share
        rest -= size
    return max(sizes, default=0)


def _cut(text: str, share: int) -> str:
    """Return the beginning and the end of a text that is longer than `share` tokens, with the mark between them."""
    encoded = _encoded(text)
    room = share * BYTES_PER_TOKEN - len(f"\n{_MARK.format(len(text))}\n")
    first = room * 2 // 3
    while encoded[first] in _CONTINUATION:
        first -= 1
    last = len(encoded) - (room - room * 2 // 3)
    while encoded[last] in _CONTINUATION:
        last += 1
    stop = _beginning(text, len(_decoded(encoded[:first])))
    start = _end(text, len(text) - len(_decoded(encoded[last:])))
    return f"{text[:stop]}\n{_MARK.format(start - stop)}\n{text[start:]}"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(encoded: bytes) -> str:
    return encoded.decode("utf-8", "surrogatepass")


def _beginning(text: str, latest: int) -> int:
    """Return where the beginning of a text stops: before a line break or space just ahead of `latest` if there is."""
    stop = _nearest_division(text, latest, -1)
    earliest = stop - min(_WORD_REACH, stop // 4)
    candidates = [position for position in range(stop, earliest - 1, -1) if _divides(text, position)]
    return _best(candidates, lambda position: text[position], otherwise=stop)


def _end(text: str, earliest: int) -> int:
    """Return where the end of a text starts: behind a line break or space just past `earliest` if there is."""
    start = _nearest_division(text, earliest, 1)
    latest = start + min(_WORD_REACH, (len(text) - start) // 4)
    candidates = [position for position in range(start, latest + 1) if _divides(text, position)]
    return _best(candidates, lambda position: text[position - 1], otherwise=start)


def _best(candidates: Sequence[int], separator: Callable[[int], str], *, otherwise: int) -> int:
    """Return the first position at a line break; else the first at a space; else `otherwise`."""
    spaces = [position for position in candidates if separator(position).isspace()]
    breaks = [position for position in spaces if separator(position) == "\n"]
    return [*breaks, *spaces, otherwise][0]


def _nearest_division(text: str, position: int, step: int) -> int:
    reach = range(position, position + step * (_CLUSTER_REACH + 1), step)
    return next((near for near in reach if 0 <= near <= len(text) and _divides(text, near)), position)


def _divides(text: str, position: int) -> bool:
    """Tell whether a cut leaves characters whole: accents, emoji sequences, flags, conjuncts and surrogate pairs."""
    if not 0 < position < len(text):
        return True
    before, after = text[position - 1], text[position]
    return not (
        _extends(after)
        or before == "\u200d"
        or (before == "\r" and after == "\n")
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
        or (unicodedata.combining(before) == _VIRAMA and unicodedata.category(after) == "Lo")
        or (_is_flag_letter(after) and _flag_letters_before(text, position) % 2 == 1)
    )


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or character in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Scotland
        or "\u1160" <= character <= "\u11ff"  # vowels and finals of decomposed Korean
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, position: int) -> int:
    first = position
    while first and _is_flag_letter(text[first - 1]):
        first -= 1
    return position - first
