"""Readers and aggregator as chat models: text in, text out, no network, no weights."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PositiveInt

from langgraph_moa.offline.findings import NOTHING_FOUND, Finding, format_findings, normalised, parse_findings
from langgraph_moa.offline.packaged_docs import packaged_documents
from langgraph_moa.prompts import Document, read_documents, split_references
from langgraph_moa.threads import in_thread

CHARACTERS_PER_TOKEN = 4
"""A rough measure, for `max_tokens` only."""

_FEW_WORDS = re.compile(r"\s*(?:\S+\s*){1,4}")


class OfflineModel(BaseChatModel):
    """What reader and aggregator have in common. Tokens are neither counted nor billed: `usage_metadata` is `None`."""

    max_tokens: PositiveInt | None = None
    """Bound of the answer, at four characters a token; whole sentences are left out, never the first one."""
    temperature: float | None = None
    """Accepted and ignored: the answers are deterministic."""

    @property
    @abstractmethod
    def name_of_model(self) -> str:
        """Name behind `offline:`."""

    @abstractmethod
    def _answer(self, messages: Sequence[AnyMessage]) -> tuple[str, bool]:
        """Return the answer, and whether `max_tokens` has cut it."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._result(*self._answer(messages))  # type: ignore[arg-type]

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._result(*await in_thread(self._answer, messages))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from self._chunks(*self._answer(messages))  # type: ignore[arg-type]

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._chunks(*await in_thread(self._answer, messages)):
            yield chunk

    def _result(self, text: str, cut: bool) -> ChatResult:  # noqa: FBT001 - the pair that `_answer` gives
        message = AIMessage(text, response_metadata=self._metadata(cut=cut))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _chunks(self, text: str, cut: bool) -> Iterator[ChatGenerationChunk]:  # noqa: FBT001 - as above
        for words in _FEW_WORDS.findall(text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=words))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata=self._metadata(cut=cut)))

    def _fitting(self, findings: Sequence[Finding], *, beside: str = "") -> list[Finding]:
        """Return as many findings as `max_tokens` has room for `beside` the other text, at least one."""
        if self.max_tokens is None:
            return list(findings)
        room = self.max_tokens * CHARACTERS_PER_TOKEN - len(beside)
        kept = len(findings)
        while kept > 1 and len(format_findings(findings[:kept])) > room:
            kept -= 1
        return list(findings[:kept])

    def _metadata(self, *, cut: bool) -> dict[str, Any]:
        return {"model_name": f"offline:{self.name_of_model}", "finish_reason": "length" if cut else "stop"}

    @property
    def _llm_type(self) -> str:
        return "langgraph-moa-offline"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": f"offline:{self.name_of_model}", "max_tokens": self.max_tokens}


class OfflineReader(OfflineModel):
    """Chooses sentences of the documents in a conversation by one method; without documents, of the packaged pages.

    References, which a model of a later layer is shown, are passed over: a reader judges by the documents alone.
    """

    reader: str
    """A name out of `READERS`."""
    sentences: PositiveInt = 10
    """Sentences proposed at most."""

    @property
    def name_of_model(self) -> str:
        """Name behind `offline:`."""
        return self.reader

    def _answer(self, messages: Sequence[AnyMessage]) -> tuple[str, bool]:
        from langgraph_moa.offline.corpus import read_corpus
        from langgraph_moa.offline.readers import READERS

        question, documents = read_request(split_references(messages).messages if messages else ())
        corpus = read_corpus(documents)
        scores = READERS[self.reader](question, corpus)
        best = (-scores).argsort(kind="stable")[: self.sentences]
        chosen = [corpus.passages[row] for row in best if scores[row] > 0]
        findings = [Finding(passage.text, passage.source) for passage in chosen]
        kept = self._fitting(findings)
        return format_findings(kept), len(kept) < len(findings)


class AgreementAggregator(OfflineModel):
    """Merges what readers propose: the sentences on which most of them agree, each with the document it stands in.

    It takes only what offline readers wrote and only sentences that stand in the documents, so nothing that a language
    model or a hostile reference adds can reach the answer.
    """

    sentences: PositiveInt = 3
    """Sentences shown at most."""

    @property
    def name_of_model(self) -> str:
        """Name behind `offline:`."""
        return "agreement"

    def _answer(self, messages: Sequence[AnyMessage]) -> tuple[str, bool]:
        from langgraph_moa.offline.agreement import merge
        from langgraph_moa.offline.corpus import read_corpus

        conversation, references = split_references(messages) if messages else ((), ())
        if not references:
            return f"There is nothing to merge: no reader has proposed a sentence.\n\n{_note(0, 0)}", False
        _, documents = read_request(conversation)
        known = {normalised(Finding(passage.text, passage.source)) for passage in read_corpus(documents).passages}
        rankings = [parse_findings(text) for text in references]
        readers = sum(bool(found) or NOTHING_FOUND in text for found, text in zip(rankings, references, strict=True))
        merged = merge(rankings, known=known)[: self.sentences]
        votes = [sum(finding in ranking for ranking in rankings) for finding in merged]
        note = _note(readers, len(references) - readers, votes)
        kept = self._fitting(merged, beside=note)
        if len(kept) < len(merged):
            note = _note(readers, len(references) - readers, votes[: len(kept)])
        return f"{format_findings(kept)}\n\n{note}", len(kept) < len(merged)


def read_request(conversation: Sequence[BaseMessage]) -> tuple[str, tuple[Document, ...]]:
    """Return the user's last question, and the documents given last, or the packaged pages when none were given."""
    humans = [message for message in conversation if isinstance(message, HumanMessage)]
    asked: Sequence[BaseMessage] = humans or conversation[-1:]
    read = [read_documents(str(message.text)) for message in asked]
    given = next((documents for _, documents in reversed(read) if documents), None)
    return read[-1][0] if read else "", given if given is not None else packaged_documents()


def _note(readers: int, left_out: int, votes: Sequence[int] = ()) -> str:
    """Say who took part, and for each sentence how many readers proposed it."""
    count = f"{readers} reader" if readers == 1 else f"{readers} readers"
    if votes and readers > 1:
        count += f", proposed by {', '.join(map(str, votes))} of them"
    rest = f" {left_out} of the references came from no offline reader and took no part." if left_out else ""
    return f"(Extractive answer: sentences chosen from the documents by {count}; no language model took part.{rest})"
