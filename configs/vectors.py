"""The vector store."""

from pydantic import Field

from configs.section import Section


class Vectors(Section):
    """Qdrant: embedded by default, a server when url is set. A server's key is in QDRANT_API_KEY, never here."""

    collection: str = Field(
        "conversations", pattern=r"^[A-Za-z0-9_-]+$", description="Collection; the fingerprint is appended on a server"
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://[^/@\s]+(/\S*)?$",
        description="Address of a Qdrant server, as http://host:6333; empty means Qdrant Edge in this process",
    )
    batch_size: int = Field(1000, ge=1, le=100_000, description="Points upserted at once")
    grpc: bool = Field(False, description="Speak gRPC (port 6334) to the server; faster than HTTP")
    shards: int = Field(1, ge=1, le=1024, description="Shards of the collection on a server")
    replicas: int = Field(1, ge=1, le=16, description="Copies of each shard on a server")
    quantise: bool = Field(
        False, description="Keep vectors as 8-bit integers in the server's memory, the originals on disk"
    )
