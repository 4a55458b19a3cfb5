"""The tree of a run, as LangSmith shows it: set LANGSMITH_TRACING=true and LANGSMITH_API_KEY, and it is sent there."""

from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langchain_core.tracers.schemas import Run

from langgraph_moa import ChatMoA


def show(run: Run, depth: int = 0) -> None:
    """Print a run and all that is below it."""
    metadata = (run.extra or {}).get("metadata", {})
    said = [f"{name}={metadata[name]}" for name in ("moa_role", "moa_layer", "moa_preset") if name in metadata]
    print(f"{'  ' * depth}{run.name:<{40 - 2 * depth}}{' '.join(said)}")
    for child in run.child_runs:
        show(child, depth + 1)


collector = RunCollectorCallbackHandler()
ChatMoA(model="offline").invoke("What is a quorum?", {"callbacks": [collector]})
for root in collector.traced_runs:
    show(root)
