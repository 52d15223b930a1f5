"""The vector store."""

from pydantic import Field

from configs.section import Section


class Vectors(Section):
    """Qdrant: embedded by default, a server when url is set."""

    collection: str = Field(
        "conversations", pattern=r"^[A-Za-z0-9_-]+$", description="Collection; the fingerprint is appended on a server"
    )
    url: str | None = Field(None, description="Address of a Qdrant server; empty means Qdrant Edge in this process")
    batch_size: int = Field(1000, ge=1, le=100_000, description="Points upserted at once")
