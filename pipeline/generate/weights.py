"""A model whose weights are at hand: it goes on with the examples. Sampled, one batch after another."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, StoppingCriteria, StoppingCriteriaList
from transformers.utils.logging import disable_progress_bar

from configs.balance import Generator
from configs.errors import UserError
from pipeline.contract.pretrained import Source
from pipeline.contract.tokenizer import usable_tokenizer
from pipeline.generate.prompt import USER, Prompt
from pipeline.generate.writer import Text

disable_progress_bar()

TOP_P = 0.95
"""Nucleus sampling (Holtzman et al. 2020, The Curious Case of Neural Text Degeneration)."""


class WeightsOnThisMachine:
    """transformers' causal language model. Raises UserError when it does not load."""

    def __init__(self, source: Source, settings: Generator) -> None:
        self._settings = settings
        called = f"balance.generator.model: {settings.model}"
        self._tokenizer = usable_tokenizer(source, called, "name other weights")
        cuda = torch.cuda.is_available()
        try:
            dtype = torch.bfloat16 if cuda else torch.float32
            model: Any = AutoModelForCausalLM.from_pretrained(source.folder, dtype=dtype, **source.options)
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise UserError(f"{called} cannot be loaded ({reason}); name other weights") from error
        self._model = model.to("cuda" if cuda else "cpu").eval()
        self._limit = getattr(model.config, "max_position_embeddings", None) or 2048

    @torch.inference_mode()
    def write(self, prompts: list[Prompt], seed: int) -> list[Text]:
        """A text for each prompt. The same batch and seed write the same on the same machine."""
        tokenizer, settings = self._tokenizer, self._settings
        texts = [tokenizer.encode(prompt.to_continue) for prompt in prompts]
        room = self._limit - settings.max_tokens
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0
        longest = min(room, max(map(len, texts)))
        ids_BL = torch.tensor([[pad] * (longest - len(t)) + t[-longest:] for t in texts], device=self._model.device)
        mask_BL = torch.tensor([[0] * (longest - len(t)) + [1] * min(len(t), longest) for t in texts])
        torch.manual_seed(seed)
        made_BL = self._model.generate(
            ids_BL,
            attention_mask=mask_BL.to(self._model.device),
            generation_config=GenerationConfig(
                do_sample=True,
                temperature=settings.temperature,
                top_p=TOP_P,
                max_new_tokens=settings.max_tokens,
                pad_token_id=pad,
                eos_token_id=tokenizer.eos_token_id,
            ),
            stopping_criteria=StoppingCriteriaList([_NextConversation(tokenizer, longest)]),
        )
        rows = made_BL[:, longest:].tolist()
        return [Text(tokenizer.decode(row, skip_special_tokens=True), tokenizer.eos_token_id in row) for row in rows]


class _NextConversation(StoppingCriteria):
    """Each text ends where it begins a further conversation."""

    def __init__(self, tokenizer: object, start: int) -> None:
        self._tokenizer, self._start = tokenizer, start

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:  # noqa: ARG002
        texts = self._tokenizer.batch_decode(input_ids[:, self._start :])  # type: ignore[attr-defined]
        return torch.tensor([f"\n{USER}" in text for text in texts], device=input_ids.device)
