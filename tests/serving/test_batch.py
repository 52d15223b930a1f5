"""Continuous batching says what each prompt would be answered by itself."""

import random
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from configs.errors import UserError
from serving.engine.batch import Batch, Reply
from serving.engine.cache import BLOCK, RowCache
from serving.engine.process import SHARE, room
from serving.engine.sampling import Sampling, next_tokens

SIZE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
}
KINDS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1},
    "mistral": {"sliding_window": 24},
    "gemma2": {"sliding_window": 24, "query_pre_attn_scalar": 8, "final_logit_softcapping": None},
}


DEVICES = ["cpu", *["cuda"] * torch.cuda.is_available()]


def model_of(kind: str, device: str = "cpu") -> Any:
    torch.manual_seed(3)
    config = AutoConfig.for_model(kind, **SIZE, **KINDS[kind], pad_token_id=0, bos_token_id=1, eos_token_id=2)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for weight in model.parameters():  # large enough for replies to differ
        weight.data.mul_(3)
    return model.to(device)


def alone(model: Any, prompt: list[int], most: int) -> list[int]:
    model.generation_config = GenerationConfig(max_new_tokens=most, do_sample=False, eos_token_id=2, pad_token_id=0)
    ids = torch.tensor([prompt], device=model.device)
    tokens = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))[0, len(prompt) :].tolist()
    return tokens[: tokens.index(2)] if 2 in tokens else tokens


def reply(number: int, prompt: list[int], most: int, sampling: Sampling | None = None) -> Reply:
    return Reply(number, list(prompt), most, frozenset({2}), sampling or Sampling(temperature=0))


def drained(batch: Batch, said: dict[int, list[int]]) -> dict[int, str]:
    finished: dict[int, str] = {}
    while batch.busy:
        for each in batch.step():
            if each.token is not None:
                said.setdefault(each.id, []).append(each.token)
            if each.finish:
                finished[each.id] = each.finish
    return finished


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_replies_are_those_of_generate_whoever_else_is_under_way(kind: str, device: str) -> None:
    model = model_of(kind, device)
    draw = random.Random(5)
    prompts = [[draw.randrange(3, 97) for _ in range(draw.randrange(1, 70))] for _ in range(12)]
    batch = Batch(model, rows=4, prefill=16, room=4096)
    said: dict[int, list[int]] = {}
    finished: dict[int, str] = {}
    for number, prompt in enumerate(prompts):
        batch.add(reply(number, prompt, 5 + 3 * number))
        for each in batch.step():  # some join while others are amid theirs
            if each.token is not None:
                said.setdefault(each.id, []).append(each.token)
            if each.finish:
                finished[each.id] = each.finish
    finished |= drained(batch, said)
    for number, prompt in enumerate(prompts):
        expected = alone(model, prompt, 5 + 3 * number)
        assert said.get(number, []) == expected
        assert finished[number] == ("length" if len(expected) == 5 + 3 * number else "stop")
    if device == "cuda":
        assert (batch._passes._graphs is None) == (kind == "gemma2")  # whose scores are capped


def test_a_cache_keeps_what_it_holds_and_never_takes_more_than_its_room() -> None:
    cache = RowCache(1)
    layer: Any = cache.layers[0]
    draw = random.Random(3)
    held: dict[int, torch.Tensor] = {}
    for rows, positions in ((1, 128), (3, 128), (3, 512), (7, 512), (2, 2048), (30, 128)):
        held = {row: kept for row, kept in held.items() if row < rows}
        cache.reserve(rows, positions, most=32, room=4096, ample=draw.random() < 0.5)
        assert cache.capacity * cache.positions <= 4096
        assert cache.capacity >= rows
        assert cache.positions >= positions
        places = torch.arange(100).expand(rows, -1)
        new = torch.randn(rows, 2, 100, 4)
        for row, kept in held.items():
            new[row] = kept
            assert torch.equal(layer.keys[row, :, :100], kept)
        cache.place(list(range(rows)), places, 100)
        shown, _ = layer.update(new, new)
        assert torch.equal(shown, new)
        held = dict(enumerate(new))


@pytest.mark.parametrize("device", DEVICES)
def test_replies_go_on_while_the_cache_grows_and_come_again_when_its_memory_was_given_back(device: str) -> None:
    model = model_of("llama", device)
    draw = random.Random(7)
    prompts = [[draw.randrange(3, 97) for _ in range(size)] for size in (3, 9, 40, 1030, *[3] * 15)]
    expected = dict(enumerate(alone(model, prompt, 25) for prompt in prompts))
    batch = Batch(model, rows=32, prefill=64, room=32 * 2048)
    cache, held = batch._passes._cache, list[int]()
    layer: Any = cache.layers[0]
    for _ in range(2):
        sizes, said = set(), dict[int, list[int]]()
        for number, prompt in enumerate(prompts):  # each finds the others amid theirs
            batch.add(reply(number, prompt, 25))
            for each in batch.step():
                if each.token is not None:
                    said.setdefault(each.id, []).append(each.token)
            sizes.add((cache.capacity, cache.positions))
        drained(batch, said)
        assert said == expected
        assert len(sizes) >= 3
        if device == "cuda":
            assert layer.keys is not None
        batch.release()
        assert layer.keys is None
        held.append(torch.cuda.memory_allocated() if device == "cuda" else 0)
    assert held[1] <= held[0]


def test_processes_of_one_device_share_the_free_memory() -> None:
    model, free = model_of("llama"), 400_000_000
    token, weights = 2 * 3 * 2 * 8 * 4, sum(weight.nbytes for weight in model.parameters())
    assert room(model, 1, free) == int(SHARE["cpu"] * free) // token
    for processes in (2, 4):
        together = processes * room(model, processes, free) * token
        assert together == pytest.approx(SHARE["cpu"] * (free - (processes - 1) * weights), rel=0.001)
    assert room(model, 4, weights) == BLOCK  # what is left for the others' weights alone holds one short reply


def test_a_cancelled_reply_is_not_computed_any_more_and_the_others_go_on() -> None:
    model = model_of("llama")
    prompts = {number: [7 + number, 9, 30 + number] for number in range(4)}
    batch = Batch(model, rows=3, prefill=64, room=4096)
    for number, prompt in prompts.items():
        batch.add(reply(number, prompt, 20))
    said: dict[int, list[int]] = {}
    for each in batch.step():
        said.setdefault(each.id, []).append(int(each.token or 0))
    batch.cancel(0)
    batch.cancel(3)
    assert batch.load == (2, 0)
    finished = drained(batch, said)
    assert finished.keys() == {1, 2}
    assert said[1] == alone(model, prompts[1], 20)
    assert said[2] == alone(model, prompts[2], 20)


def test_a_reply_waits_until_the_cache_has_room_and_one_that_never_fits_is_refused() -> None:
    batch = Batch(model_of("llama"), rows=8, prefill=64, room=256)
    for number in range(3):
        batch.add(reply(number, [5, 6, 7], 100))
    batch.step()
    assert batch.load == (2, 1)
    with pytest.raises(UserError, match="384 tokens of cache, and there are 256"):
        batch.add(reply(9, [5] * 300, 10))


def test_no_reply_has_more_tokens_than_it_may() -> None:
    batch = Batch(model_of("llama"), rows=8, prefill=64, room=4096)
    for number in range(1, 5):
        batch.add(reply(number, [5, 6, 7 + number], number))
    said: dict[int, list[int]] = {}
    assert set(drained(batch, said).values()) == {"length"}
    assert {number: len(tokens) for number, tokens in said.items()} == {1: 1, 2: 2, 3: 3, 4: 4}


def test_a_seed_draws_the_same_reply_alone_and_among_others() -> None:
    model = model_of("llama")
    batch = Batch(model, rows=4, prefill=64, room=4096)
    for number, seed in enumerate((11, 12, 11)):
        batch.add(reply(number, [5, 6, 7], 20, Sampling(1.5, 0.9, seed)))
    said: dict[int, list[int]] = {}
    drained(batch, said)
    assert said[0] == said[2] != said[1]


def test_drawn_tokens_have_the_chances_of_the_nucleus() -> None:
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    logits = chances.log().repeat(2000, 1)
    counts = torch.bincount(
        torch.tensor(next_tokens(logits, [Sampling(1.0, 0.8, s) for s in range(2000)])), minlength=4
    )
    assert counts[2:].sum() == 0
    assert abs(counts[0] / 2000 - 0.5 / 0.8) < 0.04
    flat = torch.zeros(200, 1000)  # a nucleus of more than is sorted
    for top_p in (1.0, 0.9):
        assert max(next_tokens(flat, [Sampling(1.0, top_p, s) for s in range(200)])) > 500
    assert set(next_tokens(logits[:20], [Sampling(1.0, 0.0, s) for s in range(20)])) == {0}
