"""A run as spans of OpenTelemetry, for any backend that takes them; needs `pip install "langsmith[otel]"`."""

import langsmith
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from langgraph_moa import create_moa, load_preset

exporter = InMemorySpanExporter()  # in its place, the exporter of your backend
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
client = langsmith.Client(api_key="none", tracing_mode="otel", otel_tracer_provider=provider)
langsmith.configure(client=client, enabled=True)

create_moa(load_preset("offline")).invoke({"messages": [("user", "What is a quorum?")]})
client.flush()
spans = exporter.get_finished_spans()
names = {span.context.span_id: span.name for span in spans}
for span in spans:
    print(f"{span.name:<26} below {names[span.parent.span_id] if span.parent else 'nothing'}")
