"""How long each stage takes: what was measured here, else the table's curve."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from configs.errors import UserError
from configs.plan import Assumptions, StageRate
from configs.profile import Profile
from pipeline.contract.stage import Stage
from pipeline.contract.stages import STAGES
from pipeline.planning.hardware import Gpu, Machines, table
from pipeline.planning.history import Measurement, load_calibration, measurements

WIDE = 3.0
"""Largest over smallest amount of work from which start and rate can be told apart."""

LEAST_TRAINING = 5.0
"""Least time of a training on GPUs, over its start, from which its speed is learned."""


@dataclass(frozen=True)
class Rate:
    """seconds = start + units × core_seconds ÷ cores. origin: where the figures come from."""

    unit: str
    start: float
    core_seconds: float
    origin: str

    def seconds(self, units: float, cores: float) -> float:
        """How long `units` take on that many cores."""
        return self.start + units * self.core_seconds / cores


def rates_of(root: Path, profile: Profile, machines: Machines) -> dict[str, Rate]:
    """Stage to rate, for the machines on which also that ran which lies under the root.

    The newest knowledge wins: a rate in the profile, then what stages took under this root (calibration and
    earlier runs together), then configs/rates.yaml. Raises UserError for a stage that does not exist.
    """
    overrides = profile.plan.rates
    prior = table_rates()
    for name in overrides:
        if name not in prior:
            raise UserError(f"plan.rates: {name!r} is not a stage; stages are: {', '.join(prior)}")
    seen: dict[str, list[Measurement]] = {}
    for one in [*_calibrated(root), *measurements(root)]:
        seen.setdefault(one.stage, []).append(one)
    if machines.gpu:
        prior["train"] = on_gpus(machines, machines.gpu, profile.plan.assumptions)
        least = LEAST_TRAINING * prior["train"].start
        trained = seen.get("train", [])
        long = any(prior["train"].seconds(m.units, machines.ranks) >= least for m in trained)
        seen["train"] = trained if long and not profile.plan.assumptions.mfu else []
    found = {}
    for name, rate in prior.items():
        fitted = fit(rate, seen.get(name, []), cores_of(name, profile, machines))
        found[name] = _override(fitted, overrides[name]) if name in overrides else fitted
    return found


def cores_of(stage: str, profile: Profile, machines: Machines) -> float:
    """What a stage's work is divided by: cores, or the ranks of a training on GPUs."""
    if stage == "train":
        threads = machines.ranks * profile.launch.threads
        return machines.ranks if machines.gpu else min(threads, machines.local_cores * machines.training_machines)
    return machines.effective_cores if STAGES[stage].engine == "spark" else machines.local_cores


def on_gpus(machines: Machines, gpu: Gpu, given: Assumptions) -> Rate:
    """Seconds of 10^12 FLOP on one of the GPUs: 1 ÷ (peak × MFU × scaling)."""
    mfu = given.mfu or gpu.mfu
    scaling = given.scaling if machines.ranks > 1 else 1.0
    where = "plan.assumptions.mfu" if given.mfu else gpu.mfu_source
    origin = f"MFU {mfu:.3g} of one {gpu.name}: {where}; scaling {scaling:.3g}"
    return Rate("tflop", table_rates()["train"].start, 1e12 / (gpu.flops * mfu * scaling), origin)


def table_rates() -> dict[str, Rate]:
    """Stage to the rate of configs/rates.yaml, or to what is usual where that has none."""
    stages = table()["stages"]
    usual = f"{stages['date']}; {stages['hardware']}"

    def origin(about: dict[str, Any]) -> str:
        return f"configs/rates.yaml ({about.get('measured', usual)})"

    return {
        name: Rate(stage.work.unit, about["start"], about.get("core_seconds", 0.0), origin(about))
        if (about := stages.get(name))
        else _usual(stage)
        for name, stage in STAGES.items()
    }


def _usual(stage: Stage) -> Rate:
    """Of a stage that nobody has measured: the median start of its engine's stages, the median rate of its unit's."""
    known = [(STAGES[name], about) for name, about in table()["stages"].items() if name in STAGES]
    starts = [about["start"] for other, about in known if other.engine == stage.engine]
    rates = [about.get("core_seconds", 0.0) for other, about in known if other.work.unit == stage.work.unit]
    origin = f"no rate known: the median of its engine and unit in configs/rates.yaml; plan.rates.{stage.name} sets it"
    return Rate(stage.work.unit, median(starts), median(rates), origin)


def fit(prior: Rate, points: list[Measurement], cores: float) -> Rate:
    """The rate that the points show.

    Points over a wide range of work give start and rate by least squares of relative errors; others
    scale the prior's curve by the median of measured over expected time, so that a machine twice as
    slow is twice as slow at everything.
    """
    if not points:
        return prior
    origin = _origin(points)
    work = [p.units / cores for p in points]
    if prior.unit == "none" or max(work) <= 0:
        return Rate(prior.unit, median(p.seconds for p in points), prior.core_seconds, origin)
    times = [max(p.seconds, 1e-3) for p in points]
    if max(work) >= WIDE * min(work):
        start, slope = _line(work, times)
        if slope > 0:
            return Rate(prior.unit, start, slope, origin)
    factor = median(t / max(prior.seconds(w, 1.0), 1e-3) for w, t in zip(work, times, strict=True))
    return Rate(prior.unit, prior.start * factor, prior.core_seconds * factor, origin)


def _line(xs: list[float], ys: list[float]) -> tuple[float, float]:
    """Intercept (at least 0) and slope of the line with the least squared relative errors: weights 1/y²."""
    weights = [1 / y**2 for y in ys]
    total = sum(weights)
    mean_x = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
    mean_y = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, x in zip(weights, xs, strict=True))
    both = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in zip(weights, xs, ys, strict=True))
    slope = both / spread if spread else 0.0
    start = mean_y - slope * mean_x
    if start < 0:  # through the origin instead
        slope = sum(w * x * y for w, x, y in zip(weights, xs, ys, strict=True))
        return 0.0, slope / sum(w * x * x for w, x in zip(weights, xs, strict=True))
    return start, slope


def _origin(points: list[Measurement]) -> str:
    kinds = sorted({p.origin for p in points})
    newest = max(p.started for p in points)[:10]
    return f"measured here, newest {newest} ({', '.join(kinds)})"


def _override(rate: Rate, given: StageRate) -> Rate:
    start = rate.start if given.start is None else given.start
    core_seconds = rate.core_seconds if given.core_seconds is None else given.core_seconds
    return Rate(rate.unit, start, core_seconds, "plan.rates")


def _calibrated(root: Path) -> list[Measurement]:
    found = load_calibration(root)
    points = [Measurement(**point) for point in found["measurements"]] if found else []
    return [m for m in points if m.stage in STAGES and m.unit == STAGES[m.stage].work.unit]
