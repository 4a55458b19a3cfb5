"""The embedded default: chat models that answer from documents with no key, no network and no model weights.

```
Mixture.of([f"offline:{name}" for name in DEFAULT_READERS], "offline:agreement")
```

Readers choose sentences, each by another well-known method; the aggregator merges them by agreement. All are
deterministic, and none of them is a language model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph_moa.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

DEFAULT_READERS = ("bm25", "lsa", "ngrams", "proximity", "expectation")
"""The proposers of the embedded default, in order."""

READER_NAMES = (*DEFAULT_READERS, "centrality", "fuzzy")
AGGREGATOR_NAMES = ("agreement",)

__all__ = ["AGGREGATOR_NAMES", "DEFAULT_READERS", "READER_NAMES", "chat_model"]


def chat_model(name: str, **kwargs: Any) -> BaseChatModel:
    """Return the model that `offline:<name>` stands for.

    Args:
        name: One of `READER_NAMES` or `AGGREGATOR_NAMES`, with or without `offline:` in front.
        kwargs: `max_tokens` bounds the answer and `sentences` the number of sentences; `temperature` and whatever else
            chat models are given is accepted and ignored.

    Raises:
        ConfigurationError: There is no such model.
    """
    bare = name.removeprefix("offline:")
    if bare not in (*READER_NAMES, *AGGREGATOR_NAMES):
        msg = (
            f"there is no offline model {name!r}: the readers are {', '.join(READER_NAMES)}, the aggregators are "
            f"{', '.join(AGGREGATOR_NAMES)}. Write for example 'offline:{READER_NAMES[0]}'."
        )
        raise ConfigurationError(msg)
    from langgraph_moa.offline.chat_models import AgreementAggregator, OfflineReader

    return AgreementAggregator(**kwargs) if bare in AGGREGATOR_NAMES else OfflineReader(reader=bare, **kwargs)
