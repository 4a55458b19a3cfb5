"""Whose answers and judgments a log holds."""

from __future__ import annotations

from langgraph_moa import Mixture
from langgraph_moa.evaluation.judging import Judge
from langgraph_moa.evaluation.judgments import judgments_identity
from langgraph_moa.evaluation.rating import answers_identity

MIXTURE = Mixture.of(["openai:a"], "openai:b")
WHOSE = answers_identity(MIXTURE, "flask", "0")


def test_answers_are_of_a_data_set() -> None:
    """Answers to another benchmark, other samples or of another mixture are another run's."""
    others = [
        answers_identity(MIXTURE, "mt-bench", "0"),
        answers_identity(MIXTURE, "flask", "1"),
        answers_identity(MIXTURE.swap({"aggregator": "openai:c"}), "flask", "0"),
    ]
    assert len({WHOSE.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_judgments_are_of_a_judge() -> None:
    """Another judge or another prompt makes another run; another day does not."""
    judge = Judge("openai:judge", settings="one", date="2026-01-31")
    same = Judge("openai:judge", settings="one", date="2026-02-01")
    others = [Judge("openai:other", settings="one"), Judge("openai:judge", settings="two")]
    fingerprint = judgments_identity(WHOSE, judge).fingerprint
    assert judgments_identity(WHOSE, same).fingerprint == fingerprint
    assert all(judgments_identity(WHOSE, other).fingerprint != fingerprint for other in others)
