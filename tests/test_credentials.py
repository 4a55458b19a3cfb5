"""Claims about finding the keys that must not be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import SecretStr

from langgraph_moa.credentials import secrets_in

KEY = "zZ9 of no known shape"


class Holder(Runnable[Any, Any]):
    """A user's own Runnable."""

    def __init__(self) -> None:
        self.key = SecretStr(KEY)
        self.vectors = [[0.5] * 768 for _ in range(200)]

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> str:
        return "answer"


def _closure() -> Any:
    holder = Holder()
    return lambda _: holder.invoke(None)


@pytest.mark.parametrize(
    "holder",
    [
        pytest.param(Holder(), id="own runnable"),
        pytest.param(RunnableLambda(Holder().invoke), id="method"),
        pytest.param(RunnableLambda(_closure()), id="closure"),
        pytest.param(RunnableLambda(partial(Holder.invoke, Holder())), id="partial"),
        pytest.param(RunnableLambda(str) | Holder(), id="chain"),
        pytest.param({"default_headers": {"X-Gate": KEY}}, id="headers"),
        pytest.param([{"api_key": KEY}], id="list"),
    ],
)
def test_a_key_is_found(holder: object) -> None:
    """A key is found in whatever holds it, also beside large vectors."""
    assert KEY in secrets_in(holder)


def test_names_in_a_schema_are_no_keys() -> None:
    """A tool's parameter that is called like a key does not make ordinary words secret."""
    assert secrets_in({"tools": [{"properties": {"page_token": {"type": "string"}}}]}) == set()


def test_objects_that_refuse_to_be_looked_into_do_no_harm() -> None:
    """What raises while it is looked into hides nothing else."""

    class Lazy(Mapping[str, str]):
        def __getitem__(self, key: str) -> str:
            raise RuntimeError("lazy")

        def __iter__(self) -> Iterator[str]:
            return iter(["a"])

        def __len__(self) -> int:
            return 1

    assert secrets_in([Lazy(), Holder()]) == {KEY}


def test_kept_conversations_are_not_looked_into() -> None:
    """A key that lies deep is found also where the model keeps more messages than objects may be looked at."""

    class Recorder(Runnable[Any, Any]):
        def __init__(self) -> None:
            self.requests = [[HumanMessage(f"{n}") for n in range(40)] for _ in range(900)]
            self.inside = [[[[Holder()]]]]

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> str:
            return "answer"

    assert secrets_in(Recorder()) == {KEY}
