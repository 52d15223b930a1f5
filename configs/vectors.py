"""The vector store."""

from pydantic import Field

from configs.section import Section


class Vectors(Section):
    """Qdrant: embedded by default, a server when url is set. A server's key is in QDRANT_API_KEY, never here."""

    collection: str = Field(
        "conversations",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of the index. On a server an alias, which shows the newest whole collection NAME-FINGERPRINT",
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://[^/@\s]+(/\S*)?$",
        description="Address of a Qdrant server, as http://host:6333; empty means Qdrant Edge in this process",
    )
    batch_size: int = Field(1000, ge=1, le=100_000, description="Points upserted at once")
    clients: int = Field(
        4, ge=1, le=256, description="Processes that load a server at once, each a client of its own; 1: this process"
    )
    kept: int = Field(
        1, ge=0, le=100, description="Earlier collections of a server that stay beside the one in use, for a rollback"
    )
    in_place: bool = Field(
        False,
        description="Bring the server's collection in use up to date, where a second one would not fit: only what is "
        "new or different is sent, searches see both meanwhile, and there is no rollback",
    )
    grpc: bool = Field(False, description="Speak gRPC to the server: requests are about a quarter of HTTP's size")
    grpc_port: int = Field(6334, ge=1, le=65535, description="The server's port for gRPC")
    shards: int = Field(1, ge=1, le=1024, description="Shards of the collection on a server")
    replicas: int = Field(1, ge=1, le=16, description="Copies of each shard on a server")
    quantise: bool = Field(
        False, description="Keep vectors as 8-bit integers in the server's memory, the originals on disk"
    )
