"""Does a mixture help? Benchmarks, judges, resumable runs, studies and reports.

What needs more than the core says so by a `MissingDependencyError`: `pip install 'langgraph-moa[eval]'`.
"""
