"""What a model makes of its head's products before they are logits."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Head:
    """logits = cap × tanh(scale × (hidden @ weight.T + bias) / cap); without a cap, scale × (hidden @ weight.T + bias).

    cap: Gemma 2 technical report (2024), section 2, "logit soft-capping".
    """

    scale: float = 1.0
    cap: float | None = None


def head_of(config: Any) -> Head:
    """The head that transformers' configuration of a causal language model describes.

    Cohere multiplies by `logit_scale`, Granite divides by `logits_scaling`, Gemma caps at `final_logit_softcapping`.
    A model that does anything else is refused by training/agreement.py.
    """
    text = config.get_text_config()
    scale = (getattr(text, "logit_scale", None) or 1.0) / (getattr(text, "logits_scaling", None) or 1.0)
    return Head(scale, getattr(text, "final_logit_softcapping", None))
