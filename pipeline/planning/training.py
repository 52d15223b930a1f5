"""The honest estimate of training: tokens, FLOP, measured efficiency, and what interrupts it.

Failures: with checkpoints every T seconds that cost C, and an interruption every M seconds, a share
C/T of the time is spent on checkpoints and (T/2 + R)/M on lost work and restarts of R seconds. The best T
is √(2·C·M) (Young 1974, CACM 17(9); Daly 2006, FGCS 22(3), first order).
"""

import math
from dataclasses import dataclass, field

from configs.errors import UserError
from configs.flops import flops_per_token
from configs.model import Architecture
from configs.profile import Profile
from configs.size import parameters
from pipeline.contract.formatting import duration
from pipeline.contract.stages import conversations_into
from pipeline.planning.hardware import Machines
from pipeline.planning.history import FORWARD
from pipeline.planning.rates import Rate, cores_of
from pipeline.planning.workload import Workload

SENSIBLE_EPOCHS = 4
"""Repeating data up to 4 times is nearly as good as new data; later, the value of repetition decays
to nothing (Muennighoff et al. 2023, arXiv 2305.16264, abstract)."""

TOKENS_A_PARAMETER = 20
"""About the compute-optimal number of training tokens a parameter (Hoffmann et al. 2022, arXiv 2203.15556)."""

CHECKPOINT_BYTES = 14
"""bf16 weights, and float32 master weights and two moments, of a parameter. In fp32: 12."""


@dataclass(frozen=True)
class Training:
    """What training will take, in seconds, by what they go into. efficiency: MFU over all ranks; None on CPU."""

    parameters: int
    tokens: float
    epochs: float
    tflop: float
    flops_a_token: float
    efficiency: float | None
    start: float
    compute: float
    validation: float
    checkpoints: float
    failures: float
    interruptions: float
    checkpoint_bytes: float
    best_checkpoint_steps: int | None
    origin: str
    warnings: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.start + self.compute + self.validation + self.checkpoints + self.failures


def estimate_training(
    profile: Profile, architecture: Architecture, work: Workload, machines: Machines, rate: Rate
) -> Training:
    """All of train.steps; early stopping can only make it shorter.

    Learning from preferences, every row counts as a pair of two sides as long as the row; `validation` then includes
    the reference's pass over the pairs that training will see.

    rate: of the stage train, in 10^12 FLOP. Raises UserError for settings that leave nothing to divide.
    """
    train = profile.train
    length = train.sides * profile.tokenise.sequence_length
    assert architecture.vocab_size is not None
    _check(profile, work, machines)
    count = parameters(architecture, architecture.vocab_size)
    tokens = float(train.steps * train.batch_tokens)
    flops = flops_per_token(architecture, length, frozen=profile.model.lora is not None)
    validations = train.steps // train.validation_every
    held_out = train.sides * work.tokens * profile.deduplicate.validation_share
    measured = min(train.validation_sequences * length, held_out)
    reference = min(tokens, train.sides * work.train_tokens) + measured if train.objective == "dpo" else 0.0
    forward = (validations * measured + reference) * FORWARD
    epochs = tokens * (1 - work.waste) / (train.sides * work.train_tokens)
    compute = tokens * flops / 1e12 * rate.core_seconds / cores_of("train", profile, machines)
    validation = compute * forward / tokens
    size = count * (CHECKPOINT_BYTES if machines.gpu else 12)
    disk = profile.plan.assumptions.disk_gb_a_second * 1e9
    each = 2 * size / (disk * machines.training_machines)  # written, then read again for its checksums
    checkpoints = (train.steps - 1) // train.checkpoint_every * each
    weights = validations * count * 4 / disk  # the best weights so far, by one rank
    interruptions, failures, best = _failures(profile, machines, compute + validation + checkpoints + weights, each)
    return Training(
        parameters=count,
        tokens=tokens,
        epochs=epochs,
        tflop=flops * (tokens + forward) / 1e12,
        flops_a_token=flops,
        efficiency=1e12 / (rate.core_seconds * machines.gpu.flops) if machines.gpu else None,
        start=rate.start,
        compute=compute,
        validation=validation,
        checkpoints=checkpoints + weights,
        failures=failures,
        interruptions=interruptions,
        checkpoint_bytes=size,
        best_checkpoint_steps=best,
        origin=rate.origin,
        warnings=epoch_warnings(profile, epochs, work.train_tokens, count),
    )


def epoch_warnings(profile: Profile, epochs: float, unique: float, parameters_: int) -> list[str]:
    """What is to be said about passes over the data, asked for by train.steps or by plan.textbook.epochs."""
    found = []
    asked = profile.plan.textbook.epochs
    for key, value in (("train.steps", epochs), ("plan.textbook.epochs", asked or 0.0)):
        if value > SENSIBLE_EPOCHS:
            found.append(
                f"{key} asks for {value:,.4g} epochs over {unique:,.3g} tokens; up to {SENSIBLE_EPOCHS} are nearly as "
                f"good as new data, and the value of more decays to nothing (Muennighoff et al. 2023): "
                f"{value / SENSIBLE_EPOCHS:,.3g} times the time for little"
            )
    wanted = TOKENS_A_PARAMETER * parameters_
    if unique * max(epochs, 1) < wanted:
        found.append(
            f"{unique * max(epochs, 1):,.3g} tokens are {unique * max(epochs, 1) / parameters_:.3g} a parameter; from "
            f"scratch about {TOKENS_A_PARAMETER} are compute-optimal (Hoffmann et al. 2022): take a smaller model, "
            "more data, or model.pretrained"
        )
    return found


def _failures(profile: Profile, machines: Machines, seconds: float, each: float) -> tuple[float, float, int | None]:
    """(interruptions, seconds lost to them, the best number of steps between checkpoints)."""
    given = profile.plan.assumptions
    if machines.gpu is None or not given.failures_a_gpu_day:
        return 0.0, 0.0, None
    between = 86_400 / (given.failures_a_gpu_day * machines.ranks)
    step = seconds / profile.train.steps
    lost = profile.train.checkpoint_every * step / 2 + given.restart_minutes * 60
    if lost >= between:
        raise UserError(
            f"plan.assumptions.failures_a_gpu_day: {machines.ranks} GPUs are interrupted every "
            f"{duration(between)}, and each interruption costs {duration(lost)}, so training never ends; lower "
            "train.checkpoint_every or the rate"
        )
    # Lost time can be interrupted too: n = (seconds + n × lost) / between.
    interruptions = seconds / (between - lost)
    best = max(1, round(math.sqrt(2 * each * between) / step))
    return interruptions, interruptions * lost, best


def _check(profile: Profile, work: Workload, machines: Machines) -> None:
    train = profile.train
    length = train.sides * profile.tokenise.sequence_length
    sequences = train.batch_tokens // length
    if machines.ranks > sequences:
        raise UserError(
            f"{'plan.hardware.gpus' if machines.gpu else 'launch.ranks'}: {machines.ranks} ranks for a batch of "
            f"{sequences} sequences (train.batch_tokens {train.batch_tokens} of length {length}); lower one or raise "
            "the other"
        )
    packed = work.rows[conversations_into("tokenise")]
    if machines.ranks > packed:
        raise UserError(
            f"{'plan.hardware.gpus' if machines.gpu else 'launch.ranks'}: {machines.ranks} ranks for "
            f"{packed:,.0f} rows; lower it"
        )
    if machines.cores > work.rows["acquire"]:
        raise UserError(
            f"plan.hardware.machines: {machines.machines} machines with {machines.cores:,} cores for "
            f"{work.rows['acquire']:,.0f} rows; lower it, or correct plan.rows.count"
        )
