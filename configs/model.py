"""The architecture."""

from pydantic import Field, model_validator

from configs.section import Section


class Lora(Section):
    """Low-rank adapters on frozen weights (Hu et al. 2021, LoRA, section 4.1): W + alpha / rank × B A."""

    rank: int = Field(16, ge=1, description="Rank of each adapter")
    alpha: int = Field(32, ge=1, description="Adapters are scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before each adapter")
    target_modules: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
        description="Names of the linear layers that get an adapter",
    )


class Model(Section):
    """A Llama architecture: either a name in configs/models, or pretrained weights."""

    name: str = Field("tiny", description="Name of a file in configs/models")
    pretrained: str | None = Field(
        None,
        description="Weights that training starts from: a folder, a hub name, a .gguf file, or package:NAME, a Python "
        "package that carries one",
    )
    lora: Lora | None = Field(None, description="Train adapters only; a merged model comes out")


class Architecture(Section):
    """The contents of configs/models/NAME.yaml, in the terms of transformers' LlamaConfig."""

    hidden_size: int = Field(ge=8, description="Width of the residual stream")
    intermediate_size: int = Field(ge=8, description="Width of the feed-forward layer")
    num_hidden_layers: int = Field(ge=1, description="Layers")
    num_attention_heads: int = Field(ge=1, description="Query heads")
    num_key_value_heads: int = Field(ge=1, description="Key and value heads (grouped-query attention)")
    head_dim: int = Field(ge=2, description="Width of one head")
    rope_theta: float = Field(10_000.0, gt=0, description="Base of the rotary position embedding")
    rope_scaling: dict[str, float | int | str] | None = Field(None, description="Scaling of rotary frequencies")
    max_position_embeddings: int = Field(2048, ge=32, description="Longest sequence (tokens)")
    rms_norm_eps: float = Field(1e-5, gt=0, description="Epsilon of RMSNorm")
    tie_word_embeddings: bool = Field(True, description="Share the input and output embeddings")
    vocab_size: int | None = Field(None, ge=1, description="Vocabulary; empty takes the tokenizer's")

    @model_validator(mode="after")
    def _groups_divide(self) -> "Architecture":
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads ({self.num_key_value_heads}) must divide "
                f"num_attention_heads ({self.num_attention_heads})"
            )
        return self
