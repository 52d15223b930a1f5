"""What serving the model takes: memory, concurrency, GPUs, bandwidth.

Decoding is bound by memory bandwidth: one step reads all weights once and the key/value cache of every
request in the batch, so a step of b requests takes (weights + b × cache) ÷ (bandwidth × share), and gives
b tokens (Pope et al. 2022, arXiv 2211.05102, section 2). Reading a prompt is bound by compute: 2·N FLOP a
token at a share of the peak.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from configs.errors import UserError
from configs.model import Architecture
from configs.profile import Profile
from configs.size import parameters
from pipeline.contract.formatting import size
from pipeline.planning.hardware import Gpu, gpu
from pipeline.planning.storage import BYTES_A_WEIGHT

SECONDS_A_DAY = 86_400

MEMORY_SHARE = 0.9
"""Of a GPU's memory that a server takes for weights and cache: vLLM's default `gpu_memory_utilization`."""

BYTES_A_TEXT_TOKEN = 4.0
CACHE_BYTES = {"bf16": 2, "fp8": 1}


@dataclass(frozen=True)
class Deployment:
    """Bytes, requests a second, GPUs. GPU figures are None without a GPU."""

    requests_a_day: float
    requests_a_second: float
    peak_requests_a_second: float
    weights: float
    cache_a_token: int
    cache_a_request: float
    profiles: float
    conversations: float
    bandwidth_in: float
    bandwidth_out: float
    gpu: str | None = None
    concurrent_a_gpu: int | None = None
    batch_for_latency: int | None = None
    latency_seconds: float | None = None
    requests_a_second_a_gpu: float | None = None
    gpus_by_throughput: int | None = None
    gpus_by_latency: int | None = None
    gpus: int | None = None


def cache_bytes_a_token(architecture: Architecture, element: int = 2) -> int:
    """2 (keys and values) × layers × key/value heads × head size × bytes."""
    a = architecture
    return 2 * a.num_hidden_layers * a.num_key_value_heads * a.head_dim * element


def estimate_deployment(profile: Profile, architecture: Architecture) -> Deployment:
    """Serving under plan.deployment. Raises UserError when the model, or one request, does not fit the GPU."""
    given = profile.plan.deployment
    assert architecture.vocab_size is not None
    count = parameters(architecture, architecture.vocab_size)
    daily = given.daily_users * given.requests_a_user
    mean = daily / SECONDS_A_DAY
    prompt = given.prompt_tokens + given.context_tokens
    if prompt + given.reply_tokens > architecture.max_position_embeddings:
        raise UserError(
            f"plan.deployment.context_tokens: prompt, context and reply are {prompt + given.reply_tokens} tokens, and "
            f"the model takes {architecture.max_position_embeddings}; lower it"
        )
    a_token = cache_bytes_a_token(architecture, CACHE_BYTES[given.cache_precision])
    message = (given.prompt_tokens + given.reply_tokens) * BYTES_A_TEXT_TOKEN
    plain = Deployment(
        requests_a_day=daily,
        requests_a_second=mean,
        peak_requests_a_second=mean * given.peak,
        weights=count * BYTES_A_WEIGHT[given.precision],
        cache_a_token=a_token,
        cache_a_request=a_token * (prompt + given.reply_tokens),
        profiles=float(given.daily_users * given.profile_bytes),
        conversations=daily * given.days_kept * message,
        bandwidth_in=mean * given.peak * given.prompt_tokens * BYTES_A_TEXT_TOKEN,
        bandwidth_out=mean * given.peak * given.reply_tokens * BYTES_A_TEXT_TOKEN,
    )
    name = given.gpu or profile.plan.hardware.gpu
    if not name:
        return plain
    key = "plan.deployment.gpu" if given.gpu else "plan.hardware.gpu"
    return _on_gpus(profile, plain, gpu(name, key), count, key)


def _on_gpus(profile: Profile, plain: Deployment, on: Gpu, count: int, key: str) -> Deployment:
    given = profile.plan.deployment
    room = on.memory * MEMORY_SHARE - plain.weights
    concurrent = math.floor(room / plain.cache_a_request)
    if concurrent < 1:
        raise UserError(
            f"{key}: {on.name} has {size(on.memory)}, of which {MEMORY_SHARE:.0%} can be used; weights in "
            f"{given.precision} take {size(plain.weights)}, one request {size(plain.cache_a_request)}; "
            "lower plan.deployment.precision or context_tokens, or name a larger GPU"
        )
    bandwidth = on.bandwidth * given.bandwidth_share
    prefill = 2 * count * (given.prompt_tokens + given.context_tokens) / (on.flops * given.prefill_mfu)

    def seconds(batch: int) -> float:
        """Until a reply is whole, with `batch` requests at once: its prompt, its steps, and the others' prompts."""
        step = (plain.weights + batch * plain.cache_a_request) / bandwidth
        return batch * prefill + given.reply_tokens * step

    if seconds(1) > given.latency_seconds:
        raise UserError(
            f"plan.deployment.latency_seconds: {given.latency_seconds:g}, but one request alone takes {seconds(1):.3g} "
            f"s on {on.name}; raise it, lower reply_tokens or precision, or name a faster GPU"
        )
    within = _largest(lambda batch: seconds(batch) <= given.latency_seconds, concurrent)
    by_throughput = _gpus(plain.peak_requests_a_second, concurrent / seconds(concurrent), given.headroom)
    rate = within / seconds(within)
    by_latency = _gpus(plain.peak_requests_a_second, rate, given.headroom)
    return Deployment(
        **{
            **plain.__dict__,
            "gpu": on.name,
            "concurrent_a_gpu": concurrent,
            "batch_for_latency": within,
            "latency_seconds": seconds(within),
            "requests_a_second_a_gpu": rate,
            "gpus_by_throughput": by_throughput,
            "gpus_by_latency": by_latency,
            "gpus": max(by_throughput, by_latency) + given.spares,
        }
    )


def _gpus(peak: float, rate: float, headroom: float) -> int:
    return max(1, math.ceil(peak / (rate * (1 - headroom))))


def _largest(holds: Callable[[int], bool], most: int) -> int:
    """The largest number up to `most` for which `holds`, which holds for 1 and stops holding once."""
    low, high = 1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
