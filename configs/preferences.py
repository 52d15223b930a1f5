"""What is learned of preference pairs, by objective. The formulas are in training/preferences.py."""

from pydantic import Field

from configs.section import Section


class Dpo(Section):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290)."""

    beta: float = Field(0.1, gt=0, description="How strongly the model is held to its start: higher stays closer")
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Share of pairs taken to be labelled the wrong way round (conservative DPO)"
    )
    sft_weight: float = Field(0.0, ge=0, description="Weight of the chosen side's mean loss a token, added to DPO's")


class Orpo(Section):
    """Odds ratio preference optimisation (Hong et al. 2024, arXiv 2403.07691); needs no reference."""

    weight: float = Field(0.1, gt=0, description="Weight of the odds ratio beside the chosen side's loss (λ)")
