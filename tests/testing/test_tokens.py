"""Claims about tokens of simulated models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_moa.testing.tokens import count_prompt_tokens, split_tokens

TEXT = st.one_of(st.text(), st.text(alphabet=" \n\tab\u3000\u2028é"))


@given(TEXT)
def test_joined_tokens_are_the_text(text: str) -> None:
    """No character is lost or added, whatever the script and the white space, and no token is empty."""
    tokens = split_tokens(text)
    assert "".join(tokens) == text
    assert all(tokens)
    assert all(len(token.strip()) <= 16 for token in tokens)


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=16), min_size=1))
def test_a_short_word_is_a_token(words: list[str]) -> None:
    """Short words count as one token each."""
    assert len(split_tokens(" ".join(words))) == len(words)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, 0),
        ({"messages": None}, 0),
        ({"messages": [{"content": "two words"}, {"content": None}, "odd"]}, 2),
        ({"messages": [{"content": [{"type": "text", "text": "a b c"}, {"type": "image_url"}, "odd"]}]}, 3),
    ],
)
def test_prompt_tokens_are_those_of_its_texts(body: dict[str, object], tokens: int) -> None:
    """Texts of messages and of their parts are counted, and nothing else."""
    assert count_prompt_tokens(body) == tokens
