"""A run that can be shown: who was asked what and when, what each said, and what it took.

```python
from langgraph_moa import RunRecorder, create_moa, load_preset

recorder = RunRecorder()
graph = create_moa(load_preset("offline"))
graph.invoke({"messages": [("user", "What is a quorum?")]}, {"callbacks": [recorder]})
print(recorder.result().to_markdown())
```
"""

from langgraph_moa.record.recorder import RunRecorder
from langgraph_moa.record.run_record import RunRecord

__all__ = ["RunRecord", "RunRecorder"]
