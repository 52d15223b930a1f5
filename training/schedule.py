"""The learning rate at each step."""

from math import cos, pi, sqrt

from configs.train import Train


def learning_rate(step: int, train: Train) -> float:
    """Linear warm-up to the peak, then down to the final share of it. step: 1 to train.steps."""
    peak, low = train.learning_rate, train.learning_rate * train.min_learning_rate_share
    if step <= train.warmup_steps:
        return peak * step / train.warmup_steps
    return low + (peak - low) * (_cosine(step, train) if train.schedule == "cosine" else _stable_decay(step, train))


def _cosine(step: int, train: Train) -> float:
    """1 down to 0. Source: Loshchilov and Hutter 2017, SGDR, equation 5, without restarts."""
    done = (step - train.warmup_steps) / (train.steps - train.warmup_steps)
    return (1 + cos(pi * done)) / 2


def _stable_decay(step: int, train: Train) -> float:
    """1 until the decay, then down to 0 as 1 − √(share of the decay that is done).

    Sources: the schedule, and a decay over 10% of the tokens being enough where 2.5% is not, Hu et al.
    2024 (MiniCPM, arXiv 2404.06395), section 4; the shape 1 − √, better than a line, Hägele et al. 2024
    (arXiv 2405.18392), section 3.
    """
    done = max(0, step - (train.steps - train.decay_steps)) / train.decay_steps
    return 1 - sqrt(done)
