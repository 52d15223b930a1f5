"""What the run costs, from the prices in the profile. Without a price there is no amount."""

from configs.plan import Prices
from configs.profile import Profile
from pipeline.contract.stages import STAGES
from pipeline.planning.deployment import Deployment
from pipeline.planning.hardware import Machines
from pipeline.planning.stages import StageTime
from pipeline.planning.storage import Storage

HOURS_A_MONTH = 730


def estimate_cost(
    profile: Profile, machines: Machines, stages: list[StageTime], storage: Storage, deployment: Deployment
) -> dict[str, float | None]:
    """Amounts in plan.prices.currency; None where its price is missing, or nothing of it is used.

    preparation: machines × hours of the stages without a GPU. training and evaluation: GPUs × hours. storage and
    serving: a month.
    """
    prices = profile.plan.prices
    hours = {s.stage: s.seconds / 3600 for s in stages}
    gpus = {name: stage.work.gpus if machines.gpu else "none" for name, stage in STAGES.items()}
    data = sum(h for name, h in hours.items() if gpus[name] == "none") * machines.machines
    trained = sum(h for name, h in hours.items() if gpus[name] == "all") * machines.ranks
    single = sum(h for name, h in hours.items() if gpus[name] == "one")
    stored = storage.total + (storage.vector_store["total"] if profile.vectors.url else 0.0)
    parts = {
        "preparation": _times(prices.machine_hour, data),
        "training": _times(prices.gpu_hour, trained) if machines.gpu else None,
        "embedding_and_evaluation": _times(prices.gpu_hour, single) if machines.gpu else None,
    }
    known = [p for p in parts.values() if p is not None]
    return {
        **parts,
        "run": sum(known) if known else None,
        "storage_a_month": _times(prices.storage_gb_month, stored / 1e9),
        "serving_a_month": _times(prices.gpu_hour, (deployment.gpus or 0) * HOURS_A_MONTH) if deployment.gpus else None,
    }


def missing_prices(prices: Prices, machines: Machines) -> list[str]:
    """Keys of prices that are not set and would be needed."""
    keys = ["machine_hour", "storage_gb_month", *(["gpu_hour"] if machines.gpu else [])]
    return [f"plan.prices.{key}" for key in keys if getattr(prices, key) is None]


def _times(price: float | None, amount: float) -> float | None:
    return None if price is None else price * amount
