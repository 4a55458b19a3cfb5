"""How the answers of a layer become one: synthesised, selected, voted on, examined by a council, or by consensus.

A strategy is data: it says what to ask of the seat's model, if anything, and decides from what comes back. The graph's
nodes make the calls. All have one interface, `Strategy`, and every decision says why.
"""

from langgraph_moa.strategies.base import Ask, Case, Decision, Source, Strategy
from langgraph_moa.strategies.consensus import Consensus
from langgraph_moa.strategies.council import Council
from langgraph_moa.strategies.reading import STRATEGIES, read_strategy, write_strategy
from langgraph_moa.strategies.select import Select
from langgraph_moa.strategies.sequential import Sequential
from langgraph_moa.strategies.synthesize import Synthesize
from langgraph_moa.strategies.vote import Vote
from langgraph_moa.strategies.voting import plurality, reliability_weights

__all__ = [
    "STRATEGIES",
    "Ask",
    "Case",
    "Consensus",
    "Council",
    "Decision",
    "Select",
    "Sequential",
    "Source",
    "Strategy",
    "Synthesize",
    "Vote",
    "plurality",
    "read_strategy",
    "reliability_weights",
    "write_strategy",
]
