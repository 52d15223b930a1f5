"""The textbook estimate: two formulas, for people to reproduce."""

FLOP_A_PARAMETER = 6
"""Forward 2, backward 4, for each parameter and example (Kaplan et al. 2020, arXiv 2001.08361, section 2.1)."""

SECONDS_A_DAY = 86_400


def preparation_seconds(rows: int, seconds_a_row: float, machines: int = 1) -> float:
    """rows × seconds a row ÷ machines."""
    return rows * seconds_a_row / machines


def training_seconds(
    parameters: int, epochs: float, rows: int, time_steps: int, flops_a_second: float, gpus: int = 1
) -> float:
    """parameters × 6 × epochs × rows × time steps ÷ (rate of a GPU × GPUs)."""
    return parameters * FLOP_A_PARAMETER * epochs * rows * time_steps / (flops_a_second * gpus)
