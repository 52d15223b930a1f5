"""What training needs of a device's memory, by ZeRO stage, and the largest micro-batch that fits.

Arithmetic on an architecture; imports no torch. Everything is counted in bytes a rank. States follow
DeepSpeed 0.19 as training/engine.py sets it up; activations follow the Llama block term by term, in the
manner of Korthikanti et al. 2022 (arXiv 2205.05198, section 4), without the attention matrix, which
flash attention never stores.

Known limitation: an estimate of the peak of the allocator, not a promise. What lies outside the
allocator (the driver's context, NCCL) is OUTSIDE_ALLOCATOR; what fragmentation wastes is FRAGMENTATION.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from configs.model import Architecture
from configs.size import LINEAR_LAYERS, layer_parameters, lora_parameters, parameters

Checkpointing = Literal["none", "selective", "full"]
Precision = Literal["fp32", "bf16", "fp8"]

LOGITS_AT_ONCE = 1 << 30
"""Most logits (positions × vocabulary) that training/loss.py holds at once, 2 GiB in bf16."""

BUCKET = 500_000_000
"""Elements of DeepSpeed's reduce bucket, its default `reduce_bucket_size`."""

LIVE_PARAMETERS = 1_000_000_000
"""Parameters up to which ZeRO-3 fetches ahead, or keeps what it will use again, and elements of the sub-group that it
steps: DeepSpeed's defaults."""

PREFETCHED = 50_000_000
"""Parameters that ZeRO-3 fetches with each module for those that come after: DeepSpeed's default."""

OUTSIDE_ALLOCATOR = 1_500_000_000
"""Bytes of a GPU that torch's allocator never gets: driver context, cuBLAS workspaces, NCCL."""

FRAGMENTATION = 0.05
"""Share of activations that is lost between allocated blocks."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes on one rank at its peak, by component.

    activations: kept from forward to backward. logits: the loss, while it is computed. working: gradients
    and recomputed activations of the layer that is being differentiated. step: what exists only while the
    optimizer steps. buffers: communication buckets and fragmentation.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    working: int
    step: int
    buffers: int

    @property
    def states(self) -> int:
        """What is held whatever the micro-batch: weights, gradients, optimizer."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> int:
        """The peak: logits and working memory are never held together, nor activations while the optimizer steps."""
        backward = self.activations + max(self.logits, self.working)
        return self.states + self.buffers + max(backward, self.step)


def memory_estimate(
    architecture: Architecture,
    vocabulary: int,
    ranks: int,
    zero_stage: int,
    micro_batch: int,
    sequence_length: int,
    checkpointing: Checkpointing,
    precision: Precision,
    lora: int | None = None,
    lora_targets: Sequence[str] = LINEAR_LAYERS,
    fused: bool = True,
    fp32_accumulation: bool = True,
) -> MemoryEstimate:
    """The peak on one rank.

    lora: rank of the adapters; the base is frozen then. fused: training/llama_layer.py, and attention
    by document without a mask; otherwise transformers' own modules
    and an SDPA mask. fp32_accumulation: engine.py's `grad_accum_dtype`, which applies to bf16 under ZeRO.
    fp8 counts as bf16: its 8-bit copies of inputs and weights are short-lived.
    """
    whole = parameters(architecture, vocabulary)
    trained = whole if lora is None else lora_parameters(architecture, lora, lora_targets)
    frozen = 0 if lora is None else whole
    element = 4 if precision == "fp32" else 2
    apart = whole  # parameters whose bf16 gradient is made before it is added to the float32 one
    if fused and lora is None:
        apart = (architecture.vocab_size or vocabulary) * architecture.hidden_size
    states = _states(trained, frozen, ranks, zero_stage, element, fp32_accumulation, min(apart, trained))
    tokens = micro_batch * sequence_length
    kept, working = _activations(architecture, tokens, checkpointing, element, fused)
    if not fused:
        kept += 3 * micro_batch * sequence_length**2  # the mask: bool, and the bias that SDPA makes of it
    logits = _loss(architecture.vocab_size or vocabulary, architecture.hidden_size, tokens, element)
    bucket, step = _transient(trained, ranks, zero_stage, element, fp32_accumulation)
    if zero_stage == 3 and ranks > 1:
        bucket += element * _gathered(architecture, vocabulary, fused)
    return MemoryEstimate(
        *states,
        activations=kept,
        logits=logits,
        working=working,
        step=step,
        buffers=bucket + int(FRAGMENTATION * (kept + working)),
    )


def checkpoint_copy_bytes(
    architecture: Architecture,
    vocabulary: int,
    ranks: int,
    ranks_a_machine: int,
    zero_stage: int,
    precision: Precision,
    lora: int | None = None,
    lora_targets: Sequence[str] = LINEAR_LAYERS,
) -> int:
    """Memory of the host, pinned on GPUs, for a checkpoint on its way to the disk, on the machine of rank 0.

    training/background_checkpoint.py takes it once and keeps it: the weights, which rank 0 writes below ZeRO-3, twice
    (those of the best step go their own way), and of each rank that writes its optimizer (below ZeRO-1 that is rank 0
    alone) the optimizer's states.
    """
    whole = parameters(architecture, vocabulary)
    trained = whole if lora is None else lora_parameters(architecture, lora, lora_targets)
    element = 4 if precision == "fp32" else 2
    _, _, optimizer = _states(trained, 0, ranks, zero_stage, element, True, 0)
    weights = 0 if zero_stage == 3 else element * (whole if lora is None else whole + trained)
    return 2 * weights + optimizer * (min(ranks, ranks_a_machine) if zero_stage else 1)


def largest_micro_batch(
    architecture: Architecture,
    vocabulary: int,
    ranks: int,
    zero_stage: int,
    sequence_length: int,
    checkpointing: Checkpointing,
    precision: Precision,
    capacity_bytes: int,
    lora: int | None = None,
    lora_targets: Sequence[str] = LINEAR_LAYERS,
    fused: bool = True,
    fp32_accumulation: bool = True,
    most: int = 1024,
) -> int:
    """The largest micro-batch whose estimate fits a device of `capacity_bytes`; 0 when not even one sequence does."""

    def fits(micro_batch: int) -> bool:
        estimate = memory_estimate(
            architecture,
            vocabulary,
            ranks,
            zero_stage,
            micro_batch,
            sequence_length,
            checkpointing,
            precision,
            lora,
            lora_targets,
            fused,
            fp32_accumulation,
        )
        return estimate.total + OUTSIDE_ALLOCATOR <= capacity_bytes

    low, high = 0, most + 1  # the estimate grows with the micro-batch, so the border can be bisected
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _states(
    trained: int, frozen: int, ranks: int, stage: int, element: int, fp32_accumulation: bool, apart: int
) -> tuple[int, int, int]:
    """Bytes of (weights, gradients, optimizer).

    bf16: the optimizer is AdamW over float32 master weights (4 + 4 + 4 bytes), from ZeRO-1 on a rank's share.
    Gradients: stage 1 with float32 accumulation is DeepSpeed's BF16_Optimizer, which holds float32 ones for all
    parameters, and bf16 ones for those `apart` whose products do not add to them (training/accumulation.py);
    stages 2 and 3 hold this rank's share only. fp32: without ZeRO the weights are their own master; with it
    DeepSpeed clones its share.
    """
    share = trained if stage == 0 else _ceil(trained, ranks)
    spread = ranks if stage == 3 else 1
    weights = element * (_ceil(trained, spread) + _ceil(frozen, spread))
    master = 0 if element == 4 and stage == 0 else 4
    optimizer = (master + 8) * share
    accumulated = 4 if element == 4 or (fp32_accumulation and stage) else 2
    if stage >= 2:
        gradients = accumulated * share
    else:
        gradients = accumulated * trained + (0 if element == accumulated else element * apart)
    return weights, gradients, optimizer


def _transient(trained: int, ranks: int, stage: int, element: int, fp32_accumulation: bool) -> tuple[int, int]:
    """Bytes of (communication buckets, what only the optimizer's step holds).

    Stages 2 and 3 collect gradients in a bucket and average a copy of it. The step needs its share of the gradient in
    float32 unless it was accumulated so.
    """
    share = trained if stage == 0 else _ceil(trained, ranks)
    bucket = 2 * element * min(BUCKET, trained) if stage >= 2 else 0
    if stage == 3:
        return bucket, 4 * min(LIVE_PARAMETERS, share)
    if element == 4:
        return bucket, 4 * share if stage else 0
    return bucket, 0 if fp32_accumulation and stage else 4 * share


def _gathered(a: Architecture, vocabulary: int, fused: bool) -> int:
    """Parameters that ZeRO-3 holds beside a rank's share, frozen ones too: those in use, used again soon or fetched
    ahead, and once more those that it copies out of the buffer that they came in.

    Fused layers are gathered whole, one ahead (training/gathering.py), the embedding and the head in any case.
    """
    layer = layer_parameters(a) if fused else a.hidden_size * a.intermediate_size
    head = (a.vocab_size or vocabulary) * a.hidden_size
    whole = parameters(a, vocabulary)
    return min(whole, max(LIVE_PARAMETERS, 2 * layer, head)) + min(whole, max(PREFETCHED, layer, head))


def _activations(
    a: Architecture, tokens: int, checkpointing: Checkpointing, element: int, fused: bool
) -> tuple[int, int]:
    """Bytes of (what is kept over all layers and at both ends, the working memory of one layer).

    selective: every second layer keeps its input alone and is recomputed.
    """
    layer = _attention(a, element, fused) + _feed_forward(a, element, fused)
    boundary = element * a.hidden_size
    recomputed_layers = {"none": 0, "selective": a.num_hidden_layers // 2, "full": a.num_hidden_layers}[checkpointing]
    kept = (a.num_hidden_layers - recomputed_layers) * layer + recomputed_layers * boundary
    recomputed = layer if recomputed_layers else 0
    gradient = element * (3 * a.intermediate_size + 2 * a.hidden_size)
    # embedding, final norm, its output, and the learned positions of it
    ends = element * 3 * a.hidden_size + (element if fused else 4 + element) * a.hidden_size
    return tokens * (kept + ends), tokens * (recomputed + gradient)


def _loss(vocabulary: int, hidden: int, tokens: int, element: int) -> int:
    """Bytes of the head and the loss, whose gradients are made in the forward pass (training/loss.py).

    One chunk of logits, overwritten by their gradient; the gradient of the hidden states; that of the head,
    which over several chunks is summed in float32 beside each chunk's product. Every position counts as learned.
    """
    several = tokens * vocabulary > LOGITS_AT_ONCE and element == 2
    head = vocabulary * hidden * (4 + 4 if several else element)
    return element * (min(LOGITS_AT_ONCE, tokens * vocabulary) + tokens * hidden) + head


def _norm(a: Architecture, element: int, fused: bool) -> int:
    """Bytes a token that RMSNorm keeps: input (fused), or float32 and normalised copies of it; and its output."""
    return (2 * element if fused else 4 + 2 * element) * a.hidden_size + 4


def _attention(a: Architecture, element: int, fused: bool) -> int:
    """Bytes a token of norm, queries, keys, values, output and log-sum-exp.

    With a mask SDPA cannot group heads, so keys and values are repeated for every query head.
    """
    queries, keys = a.num_attention_heads * a.head_dim, a.num_key_value_heads * a.head_dim
    repeated = keys if fused else queries
    return _norm(a, element, fused) + element * (2 * queries + 2 * repeated) + 4 * a.num_attention_heads


def _feed_forward(a: Architecture, element: int, fused: bool) -> int:
    """Bytes a token of norm, gate and up; unfused also SiLU(gate) and the product, which fused is made again."""
    return _norm(a, element, fused) + element * (2 if fused else 4) * a.intermediate_size


def _ceil(count: int, parts: int) -> int:
    return -(-count // parts)
