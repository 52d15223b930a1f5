"""Turns in another language, translated by a sequence-to-sequence model where the profile configures one."""

from collections.abc import Callable

from configs.clean import Translation
from configs.errors import UserError
from pipeline.clean.scores.language import UNKNOWN, Language
from pipeline.contract.tokenizer import usable_tokenizer

Translate = Callable[[str], str]


def translator(settings: Translation) -> Translate | None:
    """A function from one turn to its translation; None when none is configured.

    Greedy, one paragraph at a time and unpadded, so that a translation depends on its text alone. Raises
    UserError when the model is absent or of another kind.
    """
    if settings.model is None:
        return None
    import torch
    from transformers import AutoModelForSeq2SeqLM

    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(settings.model).eval()
    except (OSError, ValueError) as error:
        raise UserError(
            f"clean.translation.model: {settings.model!r} is not a sequence-to-sequence model "
            f"({' '.join(str(error).split())[:160]}); give a folder or a hub name, or none"
        ) from error
    called = f"clean.translation.model: the tokenizer of {settings.model!r}"
    tokenizer = usable_tokenizer(settings.model, called, "give a folder that has all its files")
    limit = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or 512)

    def translate(text: str) -> str:
        return "\n".join(paragraph(line) if line.strip() else "" for line in text.split("\n"))

    def paragraph(text: str) -> str:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
        with torch.inference_mode():
            tokens = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=settings.max_new_tokens,
                do_sample=False,
                num_beams=1,
            )
        return str(tokenizer.decode(tokens[0], skip_special_tokens=True)).strip()

    return translate


def is_foreign(language: Language, settings: Translation) -> bool:
    """The gate: a conversation surely in another language than the model writes, and that the model reads."""
    code, confidence = language
    return (
        code not in (UNKNOWN, settings.into)
        and confidence >= settings.min_confidence
        and (not settings.languages or code in settings.languages)
    )
