"""Every way to call a mixture that is a chat model."""

import asyncio

from langgraph_moa import ChatMoA

model = ChatMoA(model="offline")
first, second = "What is a quorum?", "What is a preset?"


def show(way: str, answer: str) -> None:  # noqa: D103
    print(f"{way:<17} {answer.splitlines()[0][:80]}")


async def main() -> None:  # noqa: D103
    show("ainvoke", (await model.ainvoke(first)).text)
    show("abatch", (await model.abatch([first, second]))[1].text)
    show("astream", "".join([chunk.text async for chunk in model.astream(first)]))
    events = [event async for event in model.astream_events(first, version="v2")]
    tokens = [
        event["data"]["chunk"].text for event in events if event["name"] == "ChatMoA" and "chunk" in event["data"]
    ]
    show("astream_events", "".join(tokens))
    stream = await model.astream_events(first, version="v3")
    show("astream_events v3", "".join([text async for text in stream.text]))


show("invoke", model.invoke(first).text)
show("batch", model.batch([first, second])[1].text)
show("stream", "".join(chunk.text for chunk in model.stream(first)))
show("stream_events v3", "".join(model.stream_events(first, version="v3").text))
asyncio.run(main())
