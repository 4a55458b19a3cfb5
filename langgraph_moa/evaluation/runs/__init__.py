"""Runs of many jobs that survive: bounded, logged as they go, resumed where they were killed, here or on a cluster."""

from langgraph_moa.evaluation.runs.forecasts import DryRun, Forecast, answering_estimate, dry_run, forecast, unpriced
from langgraph_moa.evaluation.runs.identity import Identity, fingerprint_of, mixture_identity
from langgraph_moa.evaluation.runs.jobs import Failed, Job, Outcome, Work
from langgraph_moa.evaluation.runs.log import ResultLog, RunLog
from langgraph_moa.evaluation.runs.options import RunOptions
from langgraph_moa.evaluation.runs.progress import RunWatcher, Standing
from langgraph_moa.evaluation.runs.running import run_jobs
from langgraph_moa.evaluation.runs.spending import Estimate

__all__ = [
    "DryRun",
    "Estimate",
    "Failed",
    "Forecast",
    "Identity",
    "Job",
    "Outcome",
    "ResultLog",
    "RunLog",
    "RunOptions",
    "RunWatcher",
    "Standing",
    "Work",
    "answering_estimate",
    "dry_run",
    "fingerprint_of",
    "forecast",
    "mixture_identity",
    "run_jobs",
    "unpriced",
]
