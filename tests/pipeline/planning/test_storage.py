"""Storage, deployment and money by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.load import load_architecture
from configs.profile import Profile
from pipeline.contract.stages import STAGES
from pipeline.planning.deployment import cache_bytes_a_token, estimate_deployment
from pipeline.planning.estimate import estimate
from pipeline.planning.storage import model_sizes

Plan = Callable[..., dict]


@pytest.fixture
def plan(cluster: Callable[..., Profile], tmp_path: Path) -> Plan:
    return lambda *overrides: estimate(cluster(*overrides), tmp_path / "root")


def test_3_billion_parameters_are_12_gb_in_fp32_6_in_bf16_3_in_int8_and_1_5_in_int4() -> None:
    assert model_sizes(3_000_000_000) == {"fp32": 12e9, "bf16": 6e9, "int8": 3e9, "int4": 1.5e9}


def test_vectors_are_four_bytes_a_dimension_and_replicas_multiply_everything(plan: Plan) -> None:
    one, three = (plan(f"vectors.replicas={n}")["storage"]["vector_store"] for n in (1, 3))
    points = plan()["data"]["points"]
    assert one["vectors"] == pytest.approx(points * 384 * 4)
    assert three["total"] == pytest.approx(3 * one["total"])


def test_collections_that_are_kept_for_a_rollback_take_room(plan: Plan) -> None:
    def total(*overrides: str) -> float:
        return float(plan(*overrides)["storage"]["vector_store"]["total"])

    assert total("vectors.kept=2") == pytest.approx(3 * total("vectors.kept=0"))
    assert total("vectors.kept=2", "vectors.in_place=true") == pytest.approx(total("vectors.kept=0"))
    embedded = plan("vectors.kept=2", "vectors.url=null")["storage"]["vector_store"]
    assert embedded["total"] == pytest.approx(
        sum(embedded[name] for name in ("vectors", "quantised", "index", "payload"))
    )


def test_every_artifact_that_holds_more_than_figures_takes_room(plan: Plan) -> None:
    storage = plan()["storage"]
    assert set(storage["artifacts"]) == {name for name, stage in STAGES.items() if stage.holds != "figures"}
    assert all(size > 0 for size in storage["artifacts"].values())


def test_dropped_rows_are_counted_from_the_records_on(plan: Plan) -> None:
    data, storage = plan()["data"], plan()["storage"]
    rows = data["rows"]
    lost = data["records"] - rows["acquire"] + rows["acquire"] - rows["deduplicate"]  # balance adds rows
    assert storage["lineage"] == pytest.approx(120 * lost)


def test_quantised_vectors_cost_disk_and_save_memory(plan: Plan) -> None:
    plain, quantised = plan()["storage"], plan("vectors.quantise=true")["storage"]
    points = plan()["data"]["points"]
    assert quantised["vector_store"]["quantised"] == pytest.approx(points * 384)
    assert quantised["vector_store"]["total"] > plain["vector_store"]["total"]
    assert quantised["vector_memory"] < plain["vector_memory"] / 2


def test_checkpoints_that_are_kept_hold_weights_and_optimizer(plan: Plan) -> None:
    parameters = 3_212_749_824
    two, five = (plan(f"launch.keep_checkpoints={n}")["storage"]["checkpoints"] for n in (2, 5))
    assert five - two == pytest.approx(3 * 14 * parameters)


def test_the_cache_of_a_token_is_2_times_layers_heads_size_and_bytes() -> None:
    assert cache_bytes_a_token(load_architecture("llama-3.2-3b")) == 2 * 28 * 8 * 128 * 2


def test_deployment_by_hand(cluster: Callable[..., Profile]) -> None:
    settings = {
        "daily_users": 86_400,
        "requests_a_user": 10,
        "peak": 3,
        "prompt_tokens": 100,
        "context_tokens": 300,
        "reply_tokens": 100,
        "latency_seconds": 20,
        "headroom": 0.5,
        "spares": 2,
        "days_kept": 7,
    }
    profile = cluster(*(f"plan.deployment.{k}={v}" for k, v in settings.items()))
    found = estimate_deployment(profile, load_architecture("llama-3.2-3b"))
    assert found.requests_a_second == 10
    assert found.peak_requests_a_second == 30
    assert found.cache_a_request == 500 * 114_688
    assert found.conversations == 864_000 * 7 * 200 * 4
    assert found.bandwidth_out == 30 * 100 * 4
    weights = 2 * 3_212_749_824
    assert found.concurrent_a_gpu == math.floor((0.9 * 80e9 - weights) / found.cache_a_request)
    batch = found.batch_for_latency or 0
    prefill = 2 * 3_212_749_824 * 400 / (312e12 * 0.4)
    step = (weights + batch * found.cache_a_request) / (2039e9 * 0.6)
    assert found.latency_seconds is not None
    assert found.latency_seconds == pytest.approx(batch * prefill + 100 * step)
    assert found.latency_seconds <= 20
    by_latency = math.ceil(30 / (batch / found.latency_seconds * 0.5))
    assert found.gpus_by_latency == by_latency
    assert found.gpus == max(by_latency, found.gpus_by_throughput or 0) + 2


def test_a_tighter_latency_never_needs_fewer_gpus(plan: Plan) -> None:
    gpus = [plan(f"plan.deployment.latency_seconds={s}")["deployment"]["gpus"] for s in (20, 10, 5, 2)]
    assert gpus == sorted(gpus)


def test_without_prices_there_is_no_amount_and_the_missing_keys_are_named(plan: Plan) -> None:
    cost = plan()["cost"]
    assert cost["run"] is None
    assert cost["missing"] == [f"plan.prices.{k}" for k in ("machine_hour", "storage_gb_month", "gpu_hour")]


def test_amounts_are_prices_times_hours(plan: Plan) -> None:
    prices = "plan.prices={currency: EUR, machine_hour: 2, gpu_hour: 3, storage_gb_month: 0.02}"
    found = plan(prices)
    hours = {s["stage"]: s["seconds"] / 3600 for s in found["stages"]}
    cost = found["cost"]
    assert cost["training"] == pytest.approx(3 * 32 * hours["train"])
    assert cost["embedding_and_evaluation"] == pytest.approx(3 * (hours["embed"] + hours["evaluate"]))
    rest = sum(h for s, h in hours.items() if s not in ("train", "embed", "evaluate"))
    assert cost["preparation"] == pytest.approx(2 * 16 * rest)
    stored = found["storage"]["total"] + found["storage"]["vector_store"]["total"]
    assert cost["storage_a_month"] == pytest.approx(0.02 * stored / 1e9)
    assert cost["serving_a_month"] == pytest.approx(3 * 730 * found["deployment"]["gpus"])
    assert cost["missing"] == []
