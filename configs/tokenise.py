"""From conversations to packed tokens."""

from pydantic import Field

from configs.section import Section
from configs.selection import Select


class Tokenise(Section):
    """The tokenizer, the chat template and the sequence length."""

    tokenizer: str = Field(
        "train",
        description="train fits byte-level BPE on the training split; pretrained keeps tokenizer and chat template of "
        "model.pretrained, with which it is the default; otherwise a folder or a hub name, which gets our template",
    )
    vocabulary: int = Field(4096, ge=512, le=262_144, description="Vocabulary of a trained tokenizer (tokens)")
    training_bytes: int = Field(
        1 << 30, ge=1 << 10, description="Most text of the training split that a tokenizer is trained on (bytes)"
    )
    sequence_length: int = Field(256, ge=32, le=131_072, description="Length of a packed sequence (tokens)")
    select: Select = Field(default_factory=Select, description="Which rows of the corpus train")
