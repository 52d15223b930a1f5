#!/usr/bin/env bash
# DeepSpeed, ZeRO stage 3: after a validation, GatheredParameters fails on some of the weights.
#
# Guess:     `deepspeed.zero.GatheredParameters` gives each weight whole, after a forward pass in eval() and no_grad()
#            as after a training step.
# Behaviour: a forward pass fetches ahead what came next in earlier training steps, and at its end that is the
#            backward pass. After a validation there is none, and what was fetched stays INFLIGHT until the next
#            forward pass. GatheredParameters does not wait for it, and raises AssertionError "Cannot partition a
#            param in flight" on leaving. By DeepSpeed's own limits this takes a model of more than about half a
#            billion weights (a smaller one is kept whole until its backward pass), so small tests pass: here limits
#            and models are 100,000 times smaller. `engine.empty_partition_cache()`, documented as freeing
#            memory, avoids it; save_16bit_model does the same by itself, and training goes on.
# Version:   deepspeed 0.19.8, torch 2.13.0, Python 3.11, one rank on a CPU, seen on 2026-11-29:
#             4,000 weights:  0 of 40 layers in flight; gathered
#            10,000 weights: 19 of 100 layers in flight; Cannot partition a param in flight
#            20,000 weights:  1 of 200 layers in flight; Cannot partition a param in flight
# Source:    this script; deepspeed/runtime/zero/partitioned_param_coordinator.py, fetch_sub_module and reset_step.
#            What a forward pass alone leaves in flight has made other calls fail: training in
#            github.com/deepspeedai/DeepSpeed/issues/3068 (closed), generation in
#            github.com/deepspeedai/DeepSpeedExamples/issues/337 (open; pull request 360 there empties the cache).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.4.6 deepspeed==0.19.8
export DS_ACCELERATOR=cpu RANK=0 LOCAL_RANK=0 WORLD_SIZE=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=0
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import logging
import sys
from pathlib import Path

import deepspeed
import torch
from deepspeed.runtime.zero.config import DeepSpeedZeroConfig

SMALLER, WIDTH = 100_000, 10
LIMITS = ("max_live_parameters", "max_reuse_distance", "prefetch_bucket_size", "param_persistence_threshold")
MESSAGE = "Cannot partition a param in flight"

logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
deepspeed.ops.__compatible_ops__ = {}  # or an operator that is not needed here is compiled
deepspeed.init_distributed("gloo", auto_mpi_discovery=False)
batch = torch.ones(1, WIDTH)


def trained(layers):
    """Linear layers of 100 weights each, after two steps."""
    model = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(layers)))
    limits = {f"stage3_{name}": getattr(DeepSpeedZeroConfig(), name) // SMALLER for name in LIMITS}
    zero = {"stage": 3, "stage3_gather_16bit_weights_on_model_save": True, **limits}
    config = {"train_micro_batch_size_per_gpu": 1, "zero_optimization": zero}
    engine, *_ = deepspeed.initialize(model=model, optimizer=torch.optim.AdamW(model.parameters()), config=config)
    for _ in range(2):
        train(engine)
    return engine


def train(engine):
    engine.train()
    engine.backward(engine(batch).square().sum())
    engine.step()


def validate(engine):
    engine.eval()
    with torch.no_grad():
        engine(batch)
    return in_flight(engine)


def in_flight(engine):
    return [name for name, weight in engine.module.named_parameters() if weight.ds_status.name == "INFLIGHT"]


def gathered(engine):
    weights = {}
    for name, weight in engine.module.named_parameters():
        with deepspeed.zero.GatheredParameters(weight):
            weights[name] = weight.detach().clone()
    return weights


def fails(engine):
    try:
        gathered(engine)
    except AssertionError as error:
        return MESSAGE in str(error)
    return False


for layers, affected in ((40, False), (100, True), (200, True)):
    engine = trained(layers)
    weights, trained_in_flight, left = gathered(engine), in_flight(engine), validate(engine)
    failed = fails(engine)
    outcome = MESSAGE if failed else "gathered"
    print(f"{layers * WIDTH**2:6,} weights: {len(left):2} of {layers} layers in flight; {outcome}")
    assert not trained_in_flight
    assert bool(left) == failed == affected
    engine.empty_partition_cache()
    assert all(map(torch.equal, gathered(engine).values(), weights.values()))
    assert validate(engine) == left
    engine.save_16bit_model(sys.argv[1])
    saved = torch.load(Path(sys.argv[1]) / "pytorch_model.bin")
    assert saved.keys() == weights.keys()
    assert all(torch.equal(saved[name], weights[name]) for name in weights)
    assert validate(engine) == left
    train(engine)
PYTHON
