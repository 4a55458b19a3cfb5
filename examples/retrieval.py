"""Retrieve once, show every model what was found, and lead the citations of the answer back to the documents."""

from zlib import crc32

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.graph import START, MessagesState, StateGraph

from langgraph_moa import create_moa, load_preset, prompts
from langgraph_moa.citations import cited


class HashedWords(Embeddings):  # noqa: D101 - in place of a provider's
    def embed_query(self, text: str) -> list[float]:  # noqa: D102
        places = [crc32(word.strip(".,?").encode()) % 512 for word in text.lower().split()]
        return [float(places.count(place)) for place in range(512)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:  # noqa: D102
        return [self.embed_query(text) for text in texts]


class State(MessagesState):  # noqa: D101
    found: list[Document]


def retrieve(state: State) -> dict[str, object]:  # noqa: D103
    question = state["messages"][-1]
    found = store.similarity_search(question.text, k=2)
    named = [prompts.Document(document.metadata["name"], document.page_content) for document in found]
    return {"messages": prompts.ask_about(question.text, named).model_copy(update={"id": question.id}), "found": found}


pages = {"tower.md": "The tower is 80 m high.", "bridge.md": "The bridge is 120 m long.", "inn.md": "The inn is shut."}
store = InMemoryVectorStore.from_texts(list(pages.values()), HashedWords(), [{"name": name} for name in pages])
graph = StateGraph(State).add_sequence([retrieve, ("mixture", create_moa(load_preset("offline")))])
out = graph.add_edge(START, "retrieve").compile().invoke({"messages": [("user", "How high is the tower?")]})
answer = out["messages"][-1].text
print(answer, cited(answer, {document.metadata["name"]: document for document in out["found"]}), sep="\n")
