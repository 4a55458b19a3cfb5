"""What peers read of a job. Standard library only."""

from __future__ import annotations

from benchmarks.protocol import Conversation, Job


def address(job: Job) -> str:
    """Return the provider's base URL.

    Raises:
        ValueError: The job has none, and a peer would ask the address that its client knows by itself.
    """
    if job.url is None:
        raise ValueError("a peer asks its models over HTTP: set Job.url to the address of the simulated provider")
    return job.url


def as_query(conversation: Conversation) -> str:
    """Return the one message as it is, and more messages with the role of each before it."""
    if len(conversation) == 1:
        return conversation[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in conversation)
