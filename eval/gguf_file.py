"""A Llama as one GGUF file, as llama.cpp's own converter lays it out.

Source of the layout: `LlamaModel` in llama.cpp's convert_hf_to_gguf.py, and the tensor names of the package gguf.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gguf import (
    GGML_QUANT_VERSION,
    MODEL_ARCH,
    GGMLQuantizationType,
    GGUFReader,
    GGUFWriter,
    LlamaFileType,
    get_tensor_name_map,
)
from gguf.quants import quant_shape_to_byte_shape, quantize
from transformers import LlamaForCausalLM, PreTrainedModel

from configs.errors import UserError
from eval.gguf_vocabulary import write_vocabulary

Kind = Literal["f32", "f16", "q8_0"]

TYPES = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}

ROPE_FREQS = "rope_freqs.weight"
"""What llama.cpp divides the rotary frequencies by, one by one: Llama 3's scaling of them."""

STATIC_ROPE = ("default", "linear", "llama3")
"""Scalings of rotary frequencies that are the same at every length, and change nothing else."""


def check_exportable(model: PreTrainedModel) -> None:
    """Raises UserError for a model that is not a Llama as GGUF's `llama` has it, saying what is."""
    config = model.config
    remedy = "GGUF is written of Llama models without biases; export --format safetensors"
    if type(model) is not LlamaForCausalLM:
        raise UserError(f"export: a {type(model).__name__} has no GGUF writer here; {remedy}")
    if any(name.endswith("bias") for name, _ in model.named_parameters()):
        raise UserError(f"export: the model's layers have biases; {remedy}")
    if config.hidden_act != "silu":
        raise UserError(f"export: the model's activation is {config.hidden_act}, not silu; {remedy}")
    kind = config.rope_parameters.get("rope_type", "default")
    if kind not in STATIC_ROPE:
        raise UserError(f"export: rotary scaling {kind!r} is not one of {', '.join(STATIC_ROPE)}; {remedy}")


def write_gguf(model: PreTrainedModel, tokenizer: Any, path: Path, kind: Kind, name: str) -> None:
    """Raises UserError for a model or a tokenizer that cannot be written, before anything is."""
    check_exportable(model)
    writer = GGUFWriter(path, "llama")
    _add_settings(writer, model.config, tokenizer, kind, name)
    write_vocabulary(writer, tokenizer, model.config.vocab_size)
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, model.config.num_hidden_layers)
    if (factors := rope_factors(model)) is not None:
        writer.add_tensor(ROPE_FREQS, factors)
    for weight_name, weight in model.state_dict().items():
        if weight_name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        target = names.get_name(weight_name, try_suffixes=(".weight",))
        assert target is not None, weight_name
        _add_tensor(writer, target, _laid_out(weight_name, weight.float().numpy(), model.config), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rope_factors(model: Any) -> np.ndarray | None:
    """By what each rotary frequency is below θ^(−2i/d), float32 [d/2]; None where none is."""
    theta = model.config.rope_parameters["rope_theta"]
    width = model.config.head_dim
    plain = theta ** -(torch.arange(0, width, 2, dtype=torch.float32) / width)
    factors = plain / model.model.rotary_emb.inv_freq.float().cpu()
    return None if torch.allclose(factors, torch.ones_like(factors), atol=1e-5) else factors.numpy()


def apply_rope_factors(path: Path, model: Any) -> None:
    """Does to a model that transformers loaded what llama.cpp does by `rope_freqs`; transformers does not read them."""
    for tensor in GGUFReader(path).tensors:
        if tensor.name == ROPE_FREQS:
            model.model.rotary_emb.inv_freq /= torch.from_numpy(np.array(tensor.data))


def _add_settings(writer: GGUFWriter, config: Any, tokenizer: Any, kind: Kind, name: str) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(TYPES[kind][1])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_context_length(min(config.max_position_embeddings, tokenizer.model_max_length))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)


def _laid_out(name: str, weight: np.ndarray, config: Any) -> np.ndarray:
    """llama.cpp rotates neighbouring pairs, transformers halves of a head: rows of queries and keys change places."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
    if heads is None:
        return weight
    halves = weight.reshape(heads, 2, -1, weight.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weight.shape)


def _add_tensor(writer: GGUFWriter, name: str, weight: np.ndarray, kind: Kind) -> None:
    """Vectors stay in float32; a matrix whose rows are no multiple of a block of 32 stays in float16."""
    wanted = TYPES[kind][0] if weight.ndim > 1 else GGMLQuantizationType.F32
    if wanted == GGMLQuantizationType.Q8_0:
        try:
            quant_shape_to_byte_shape(weight.shape, wanted)
        except ValueError:
            wanted = GGMLQuantizationType.F16
    writer.add_tensor(name, quantize(weight, wanted), raw_dtype=wanted)
