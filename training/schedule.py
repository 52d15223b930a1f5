"""The learning rate at each step."""

from math import cos, pi

from configs.train import Train


def learning_rate(step: int, train: Train) -> float:
    """Linear warm-up to the peak, then a cosine down to the final share of it.

    step: 1 to train.steps. Source: Loshchilov and Hutter 2017, SGDR, equation 5, without restarts.
    """
    peak, low = train.learning_rate, train.learning_rate * train.min_learning_rate_share
    if step <= train.warmup_steps:
        return peak * step / train.warmup_steps
    done = (step - train.warmup_steps) / (train.steps - train.warmup_steps)
    return low + (peak - low) * (1 + cos(pi * done)) / 2
