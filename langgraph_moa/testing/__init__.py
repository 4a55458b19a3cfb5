"""Stand-ins for providers, for tests of graphs that hold a mixture: no key, no network, answers in milliseconds.

`ScriptedChatModel` is a chat model that says what a test wants. `Simulator` is an OpenAI-compatible server on
127.0.0.1, for tests that go through a provider's real client.
"""

from langgraph_moa.testing.scripted import ScriptedChatModel
from langgraph_moa.testing.simulator import Behaviour, RecordedRequest, Simulator

__all__ = ["Behaviour", "RecordedRequest", "ScriptedChatModel", "Simulator"]
