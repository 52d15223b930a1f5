"""The whole plan of a profile, as JSON values with stable keys (docs/planning.md lists them)."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from configs.credentials import masked
from configs.errors import UserError
from configs.load import load_architecture
from configs.model import Architecture
from configs.profile import Profile
from configs.size import architecture_of
from pipeline.contract.formatting import size
from pipeline.contract.pretrained import pretrained_values
from pipeline.contract.stages import STAGES, TASKS, above
from pipeline.planning.cost import estimate_cost, missing_prices
from pipeline.planning.deployment import estimate_deployment
from pipeline.planning.hardware import Machines, machines_of
from pipeline.planning.memory import memory_plan
from pipeline.planning.rates import Rate, rates_of
from pipeline.planning.served import measured
from pipeline.planning.stages import PROCESS_SECONDS, StageTime, stage_times
from pipeline.planning.storage import estimate_storage
from pipeline.planning.textbook import preparation_seconds, training_seconds
from pipeline.planning.training import SENSIBLE_EPOCHS, Training, estimate_training
from pipeline.planning.workload import Workload, workload

LAYOUT = 1
"""Raised when a key of the plan changes its meaning."""


def estimate(profile: Profile, root: Path) -> dict[str, Any]:
    """The plan. root: where earlier runs and a calibration lie; it need not exist.

    Raises UserError, naming the key, for values that are missing, absurd or contradict each other.
    """
    machines = machines_of(profile)
    work = workload(profile, root)
    architecture = sized_architecture(profile, work.vocabulary)
    rates = rates_of(root, profile, machines)
    training = estimate_training(profile, architecture, work, machines, rates["train"])
    stages = stage_times(profile, work, machines, rates, training, architecture)
    memory = memory_plan(profile, architecture, machines)
    storage = estimate_storage(profile, work, training, profile.train.precision_on(machines.gpu is not None))
    deployment = estimate_deployment(profile, architecture)
    served = measured(root, profile.plan.deployment, deployment.peak_requests_a_second)
    gpu = machines.gpu
    return {
        "layout": LAYOUT,
        "profile": masked(profile.description),
        "hardware": {
            "gpu": gpu.name if gpu else None,
            "ranks": machines.ranks,
            "training_machines": machines.training_machines,
            "machines": machines.machines,
            "cores": machines.cores,
            "mfu_measured": gpu.mfu_measured if gpu else None,
        },
        "data": _data(work),
        "textbook": textbook(profile, work, machines, training),
        "honest": _honest(profile, work, training, stages),
        "stages": [asdict(s) for s in stages],
        "seconds": _total(stages),
        "memory": [asdict(m) for m in memory],
        "storage": asdict(storage),
        "deployment": asdict(deployment) | {"measured": asdict(served) if served else None},
        "cost": {
            "currency": profile.plan.prices.currency,
            **estimate_cost(profile, machines, stages, storage, deployment),
            "missing": missing_prices(profile.plan.prices, machines),
        },
        "calibrated": calibrated(rates),
        "warnings": _warnings(profile, training, memory, machines),
    }


def textbook(profile: Profile, work: Workload, machines: Machines, training: Training) -> dict[str, Any]:
    """The two formulas with the profile's figures, on one machine or GPU and on all."""
    given = profile.plan.textbook
    rows = round(work.rows["acquire"])
    count = given.machines or machines.machines
    parameters = given.parameters or training.parameters
    epochs = given.epochs or training.epochs
    flops = given.tflops * 1e12 if given.tflops else machines.gpu.flops / 2 if machines.gpu else None
    found: dict[str, Any] = {
        "rows": rows,
        "seconds_a_row": given.seconds_a_row,
        "machines": count,
        "preparation_seconds_one": preparation_seconds(rows, given.seconds_a_row),
        "preparation_seconds": preparation_seconds(rows, given.seconds_a_row, count),
        "parameters": parameters,
        "epochs": epochs,
        "time_steps": given.time_steps,
        "flops_a_second": flops,
        "gpus": machines.ranks,
        "training_seconds_one": None,
        "training_seconds": None,
    }
    if flops:
        arguments = (parameters, epochs, rows, given.time_steps, flops)
        found |= {
            "training_seconds_one": training_seconds(*arguments),
            "training_seconds": training_seconds(*arguments, machines.ranks),
        }
    return found


def sized_architecture(profile: Profile, vocabulary: int) -> Architecture:
    """The architecture that will be trained, its vocabulary set. Raises UserError when it cannot be known."""
    if not profile.model.pretrained:
        found = load_architecture(profile.model.name)
        return found.model_copy(update={"vocab_size": found.vocab_size or vocabulary})
    path = Path(profile.model.pretrained) / "config.json"
    try:
        values = pretrained_values(profile.model.pretrained)
        found = architecture_of(SimpleNamespace(**values))
        return found.model_copy(update={"vocab_size": max(values["vocab_size"], vocabulary)})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(
            f"model.pretrained: {path} cannot be read as a decoder's configuration ({type(error).__name__}); give a "
            "folder with the weights, or plan with model.pretrained= and model.name of the same architecture"
        ) from error


def calibrated(rates: dict[str, Rate]) -> dict[str, str]:
    """Stage to where its rate comes from."""
    return {name: rate.origin for name, rate in rates.items()}


def _data(work: Workload) -> dict[str, Any]:
    values = asdict(replace(work, notes={}))
    values.pop("notes")
    return {**values, "origin": work.notes}


def _honest(profile: Profile, work: Workload, training: Training, stages: list[StageTime]) -> dict[str, Any]:
    preparation = sum(s.seconds for s in stages if _prepares(s.stage))
    sensible = SENSIBLE_EPOCHS * work.train_tokens / (1 - work.waste) / profile.train.batch_tokens
    return {
        **asdict(training),
        "preparation_seconds": preparation,
        "seconds_a_row": preparation / work.rows["acquire"],
        "training_seconds": training.seconds,
        "sensible_steps": max(1, round(sensible)),
    }


def _prepares(name: str) -> bool:
    """Whether a stage prepares data: it needs no model of this run, and decides nothing in a person's place."""
    stage = STAGES[name]
    trains = {s.task for s in STAGES.values() if s.work.unit == "tflop"}
    return not stage.asks and trains.isdisjoint({stage.task} | above(stage.task))


def _total(stages: list[StageTime]) -> float:
    """All stages one after the other, and the start of each task's process."""
    return sum(s.seconds for s in stages) + PROCESS_SECONDS * len(TASKS)


def _warnings(profile: Profile, training: Training, memory: list[Any], machines: Machines) -> list[str]:
    found = list(training.warnings)
    chosen = next(m for m in memory if m.chosen)
    if chosen.fits is False:
        fitting = [m.zero_stage for m in memory if m.fits]
        advice = (
            f"launch.zero_stage={fitting[0]} fits" if fitting else "lower launch.micro_batch, or recompute activations"
        )
        assert machines.gpu is not None
        found.append(
            f"launch.micro_batch: {size(chosen.total)} do not fit {machines.gpu.name}; the largest that does at "
            f"ZeRO stage {chosen.zero_stage} is {chosen.largest}; {advice}"
        )
    best = training.best_checkpoint_steps
    if best and not 0.5 <= profile.train.checkpoint_every / best <= 2:
        found.append(
            f"train.checkpoint_every: {profile.train.checkpoint_every} steps; about {best} lose least time to "
            "checkpoints and interruptions together (Young 1974)"
        )
    assumed = profile.plan.assumptions.mfu is None and not training.origin.startswith("measured")
    if machines.gpu and not machines.gpu.mfu_measured and assumed:
        found.append(
            f"the speed of training on {machines.gpu.name} was not measured: {machines.gpu.mfu_source}; "
            "plan.assumptions.mfu overrides it"
        )
    return found
