"""An agent that asks a mixture only when a question is worth it: the mixture is one of its tools."""

from langchain.agents import create_agent

from langgraph_moa import create_moa, load_preset

panel = create_moa(load_preset("offline")).as_tool(name="ask_the_manual")
print(panel.name, panel.args["question"])

agent = create_agent("openai:gpt-5-mini", tools=[panel])
out = agent.invoke({"messages": [("user", "Ask the manual what a quorum is.")]})
for message in out["messages"]:
    print(f"{message.type:<6} {(message.text or str(message.tool_calls))[:100]}")
    if message.type == "tool":
        print(f"       answered by {message.artifact['ok']} of {message.artifact['planned']} proposers")
