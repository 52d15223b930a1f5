"""A saved model, ready to compute."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from configs.errors import UserError
from pipeline.contract.artifact import check_part
from pipeline.contract.cpu_products import use_onednn
from pipeline.contract.pretrained import Source, pretrained_source
from pipeline.contract.tokenizer import saved_tokenizer

disable_progress_bar()


def load_model(folder: Path) -> PreTrainedModel:
    """The causal language model in `folder`, in evaluation mode: on the first GPU in its own precision when
    there is one, else on the CPU in fp32. Raises UserError when the folder holds no model that loads, or lies in an
    artifact that is damaged."""
    check_part(folder)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no model here (config.json is missing); name a folder that training wrote")
    try:
        model = _weights(Source(str(folder)), local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{folder}: the model does not load ({_first_line(error)}); train it again") from error
    return _ready(model)


def load_base(name: str, vocabulary: int) -> PreTrainedModel:
    """The weights that `model.pretrained` names, as load_model loads them, with at least so many rows of embeddings,
    as training begins from. Raises UserError when they do not load."""
    try:
        model = _weights(pretrained_source(name))
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise UserError(f"model.pretrained: {name!r} cannot be loaded ({_first_line(error)})") from error
    if model.config.get_text_config().vocab_size < vocabulary:
        model.resize_token_embeddings(vocabulary)
    return _ready(model)


def _weights(source: Source, **settings: Any) -> Any:
    dtype = "auto" if torch.cuda.is_available() else torch.float32
    return AutoModelForCausalLM.from_pretrained(source.folder, dtype=dtype, **source.options, **settings)


def _ready(model: Any) -> PreTrainedModel:
    cuda = torch.cuda.is_available()
    if not cuda:
        use_onednn(model)
    return model.to("cuda" if cuda else "cpu").eval()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`. Raises UserError when it does not load or has no chat template."""
    tokenizer = saved_tokenizer(folder)
    if not tokenizer.chat_template:
        raise UserError(f"{folder}: the tokenizer has no chat template; add chat_template.jinja beside it")
    return tokenizer


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
