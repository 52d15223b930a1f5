"""The corpus searched by meaning."""

from pipeline.contract.run import Run
from pipeline.embed.encoder import Encoder
from pipeline.index.store import Hit, VectorStore


def search_text(run: Run, text: str, limit: int = 10, where: dict[str, str] | None = None) -> list[Hit]:
    """The indexed segments nearest to a text, the nearest first. `where` narrows by payload, as
    {"topic": "small talk"}. Raises UserError when the run has no index."""
    artifact = run.artifact("index")
    profile, about = run.profile, artifact.json("index.json")
    encoder = Encoder(profile.embed.model, profile.embedding.device)
    [vector_D] = encoder.encode_texts([text], profile.embed.max_tokens)
    store: VectorStore
    if about["url"]:
        from pipeline.index.qdrant_server import ServerStore

        store = ServerStore.connect(profile.vectors, about["collection"])
    else:
        from pipeline.index.qdrant_edge import EdgeStore

        store = EdgeStore.copy_of(artifact.path / "store")
    try:
        return store.search(vector_D, limit, where)
    finally:
        store.close()
