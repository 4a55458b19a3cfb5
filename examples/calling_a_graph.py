"""Every way to call a mixture that is a graph."""

import asyncio

from langgraph_moa import create_moa, load_preset

graph = create_moa(load_preset("offline"))
first = {"messages": [("user", "What is a quorum?")]}
second = {"messages": [("user", "What is a preset?")]}


def show(way: str, answer: str) -> None:  # noqa: D103
    print(f"{way:<16} {answer.splitlines()[0][:80]}")


async def main() -> None:  # noqa: D103
    show("ainvoke", (await graph.ainvoke(first))["messages"][-1].text)
    show("abatch", (await graph.abatch([first, second]))[1]["messages"][-1].text)
    tokens = [chunk.text async for chunk, _ in graph.astream(first, stream_mode="messages")]
    show("astream", "".join(tokens))
    events = [event async for event in graph.astream_events(first, version="v2")]
    tokens = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    show("astream_events", "".join(tokens))


show("invoke", graph.invoke(first)["messages"][-1].text)
show("batch", graph.batch([first, second])[1]["messages"][-1].text)
show("stream", "".join(chunk.text for chunk, _ in graph.stream(first, stream_mode="messages")))
for message in graph.stream_events(first, version="v3").messages:
    show("stream_events", "".join(message.text))
asyncio.run(main())
