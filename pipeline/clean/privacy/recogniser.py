"""Names of persons and street addresses, found by a model where the profile configures one.

A model costs thousands of times what the patterns cost, so it sees a turn only when `may_name` holds.
"""

import re
from typing import Any

from configs.clean import Pii
from configs.errors import UserError
from pipeline.clean.privacy.pii import Finding, Recognise
from pipeline.contract.tokenizer import usable_tokenizer

CUE = re.compile(
    r"\b(?:my name|name'?s|name is|i'm|i am|this is|call me|called|mr|mrs|ms|miss|dr|prof|madam|sir|dear|regards"
    r"|sincerely|street|str|st|avenue|ave|road|rd|lane|drive|boulevard|blvd|square|court|apartment|apt|suite|zip|address"
    r"|p\.?o\.? box|live at|lives at|deliver to|ship to|stra(?:ss|ß)e|rue|calle|via)\b",
    re.IGNORECASE,
)
CAPITALISED = re.compile(r"[A-Z]\w+[ ,]+(?:[A-Z]\.? )?[A-Z]\w+|[a-z,;]['\"]? [A-Z][a-z]+|\d [A-Z][a-z]+")
UNCASED = re.compile(r"[\u0590-\u0dff\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}")
"""Scripts without capitals, in which any run of letters may be a name."""

LONGEST = 2_000
"""Characters given to the model at once; a longer turn is cut at white space."""


def may_name(text: str) -> bool:
    """The gate: words such as "my name", "Mr" or "street", capitals inside a sentence, or a script without capitals."""
    return CUE.search(text) is not None or CAPITALISED.search(text) is not None or UNCASED.search(text) is not None


def recogniser(settings: Pii) -> Recognise | None:
    """What the profile configures; None for none. Raises UserError when model or package is absent."""
    if settings.recogniser == "none":
        return None
    find = _presidio(settings) if settings.recogniser == "presidio" else _transformers(settings)
    wanted = set(settings.recogniser_types)

    def recognise(text: str) -> list[Finding]:
        if not may_name(text):
            return []
        found = [f for start, piece in pieces(text) for f in _shifted(find(piece), start)]
        return [(start, end, kind) for start, end, kind in found if kind in wanted and text[start:end].strip()]

    return recognise


def pieces(text: str) -> list[tuple[int, str]]:
    """(start, piece) of a text, none longer than LONGEST, cut at white space where there is some."""
    found, start = [], 0
    while len(text) - start > LONGEST:
        space = max(text.rfind(mark, start + 1, start + LONGEST) for mark in " \n")
        end = space + 1 if space > start else start + LONGEST
        found.append((start, text[start:end]))
        start = end
    return [*found, (start, text[start:])]


def kind_of(label: str) -> str | None:
    """PERSON or ADDRESS for a model's label, such as B-PER, I-STREET_ADDRESS or PATIENT; None for any other.

    A place by itself (LOC, GPE, CITY) is no address: it does not say where somebody lives.
    """
    name = re.sub(r"^[BIESLU]-", "", label.upper())
    if re.search(r"PER\b|PERSON|FIRST_?NAME|LAST_?NAME|SUR_?NAME|GIVEN_?NAME|^NAME|PATIENT", name):
        return "PERSON"
    return "ADDRESS" if re.search(r"ADDRESS|STREET|BUILDING", name) and "MAIL" not in name else None


def _shifted(found: list[Finding], start: int) -> list[Finding]:
    return [(start + a, start + b, kind) for a, b, kind in found]


def _transformers(settings: Pii) -> Recognise:
    """A token-classification model, one text at a time, so that no text depends on another's padding."""
    import torch
    from transformers import AutoModelForTokenClassification

    name = str(settings.recogniser_model)
    try:
        model = AutoModelForTokenClassification.from_pretrained(name).eval()
    except (OSError, ValueError) as error:
        raise UserError(
            f"clean.pii.recogniser_model: {name!r} is not a token-classification model "
            f"({' '.join(str(error).split())[:160]}); give a folder or a hub name"
        ) from error
    called = f"clean.pii.recogniser_model: the tokenizer of {name!r}"
    tokenizer = usable_tokenizer(name, called, "give a folder that has all its files")
    kinds = {number: kind_of(label) for number, label in model.config.id2label.items()}
    if not tokenizer.is_fast or not any(kinds.values()):
        labels = ", ".join(map(str, model.config.id2label.values()))
        raise UserError(
            f"clean.pii.recogniser_model: {name!r} needs a fast tokenizer and labels for persons or "
            f"street addresses; its labels are: {labels[:200]}"
        )
    limit = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512))

    def find(text: str) -> list[Finding]:
        batch: Any = tokenizer(
            text,
            return_offsets_mapping=True,
            return_overflowing_tokens=True,
            truncation=True,
            max_length=limit,
            stride=0,
        )
        found: list[Finding] = []
        for tokens, mask, offsets in zip(
            batch["input_ids"], batch["attention_mask"], batch["offset_mapping"], strict=True
        ):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([tokens]), attention_mask=torch.tensor([mask])).logits[0]
            scores, labels = logits.softmax(-1).max(-1)
            found += joined(
                [
                    (start, end, kinds[int(label)] if score >= settings.min_recogniser_score else None)
                    for (start, end), score, label in zip(offsets, scores, labels, strict=True)
                    if end > start
                ],
                text,
            )
        return found

    return find


def joined(tokens: list[tuple[int, int, str | None]], text: str) -> list[Finding]:
    """Tokens of one kind as one finding, where only white space parts them, or a comma inside an address."""
    found: list[Finding] = []
    for start, end, kind in tokens:
        if kind is None:
            continue
        between = " ,.'-/" if kind == "ADDRESS" else " .'-"
        if found and found[-1][2] == kind and not text[found[-1][1] : start].strip(between):
            found[-1] = (found[-1][0], end, kind)
        else:
            found.append((start, end, kind))
    return [_trimmed(text, *each) for each in found]


def _trimmed(text: str, start: int, end: int, kind: str) -> Finding:
    """Whole words, without the white space at either end that some tokenizers count in."""
    while start < end and text[start].isspace():
        start += 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    while start and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    return start, end, kind


def _presidio(settings: Pii) -> Recognise:
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise UserError(
            "clean.pii.recogniser: presidio is not installed; pip install presidio-analyzer and a spaCy model "
            "(python -m spacy download en_core_web_lg), or choose recogniser transformers"
        ) from error
    engine = AnalyzerEngine()

    def find(text: str) -> list[Finding]:
        results = engine.analyze(text=text, language="en", score_threshold=settings.min_recogniser_score)
        found = [(r.start, r.end, kind_of(r.entity_type)) for r in results]
        return sorted((start, end, kind) for start, end, kind in found if kind)

    return find
