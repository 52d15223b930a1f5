"""The losses of pairs are what their papers say, computed by transformers' own model and torch's own gradients."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from configs.train import Train
from tests.training.conftest import ARCHITECTURE, VOCABULARY
from tests.training.preferred import Side, side, write_pairs
from training import loss
from training.data import Batch
from training.model import llama_config
from training.pair_packing import packed_pairs
from training.pairs import PairSequences
from training.preferences import PreferenceLoss

LENGTH = 48
OBJECTIVES: dict[str, dict[str, Any]] = {
    "DPO": {"objective": "dpo", "dpo": {"beta": 0.3}},
    "conservative DPO": {"objective": "dpo", "dpo": {"beta": 0.5, "label_smoothing": 0.2}},
    "DPO and SFT": {"objective": "dpo", "dpo": {"beta": 0.3, "sft_weight": 0.7}},
    "ORPO": {"objective": "orpo", "orpo": {"weight": 0.4}},
}


def random_pairs() -> list[tuple[str, Side, Side]]:
    random = np.random.default_rng(3)

    def some(low: int, high: int) -> list[int]:
        return random.integers(0, VOCABULARY, random.integers(low, high)).tolist()

    prompts = [some(2, 7) for _ in range(7)]
    return [(str(n), side(prompt, some(1, 9)), side(prompt, some(1, 9))) for n, prompt in enumerate(prompts)]


PAIRS = random_pairs()


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> PairSequences:
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(PAIRS, folder / "pairs/part-00000.parquet")
    packed_pairs(folder / "pairs", folder / "arrow", LENGTH, lambda: None)
    return PairSequences(folder / "arrow")


def llama(seed: int, attention: str | None = None) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = llama_config(ARCHITECTURE.model_copy(update={"tie_word_embeddings": False}), VOCABULARY)
    if attention:
        config._attn_implementation = attention
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():  # further from uniform than fresh weights are
        parameter.data.mul_(4) if parameter.dim() == 2 else parameter
    return model


def log_probability(model: LlamaForCausalLM, conversation: Side) -> torch.Tensor:
    """Of the learned tokens, summed; one conversation alone, by transformers."""
    tokens, learned = torch.tensor(conversation[0]), torch.tensor(conversation[1])
    logits = model(tokens[None]).logits[0, :-1].double()
    return logits.log_softmax(-1).gather(1, tokens[1:, None])[:, 0][learned[1:]].sum()


def by_formula(settings: Train, chosen: Side, rejected: Side, model: Any, reference: Any) -> torch.Tensor:
    """One pair's loss, written as in the papers."""
    w, l = log_probability(model, chosen), log_probability(model, rejected)  # noqa: E741
    m, n = sum(chosen[1]), sum(rejected[1])
    if settings.objective == "orpo":
        p, q = (w / m).exp(), (l / n).exp()
        ratio = (p / (1 - p)) / (q / (1 - q))
        return -w / m - settings.orpo.weight * torch.log(torch.sigmoid(torch.log(ratio)))
    with torch.no_grad():
        w_ref, l_ref = log_probability(reference, chosen), log_probability(reference, rejected)
    dpo = settings.dpo
    z = dpo.beta * (w - w_ref) - dpo.beta * (l - l_ref)
    e = dpo.label_smoothing
    return -(1 - e) * torch.log(torch.sigmoid(z)) - e * torch.log(torch.sigmoid(-z)) - dpo.sft_weight * w / m


def batch_of(sequences: PairSequences, reference: LlamaForCausalLM) -> Batch:
    """All pairs, with the log-probabilities that the fused loss itself gives the reference."""
    every = np.arange(len(sequences))
    sequences.reference = None
    measured = PreferenceLoss(reference, Train(objective="dpo")).eval()
    with torch.no_grad():
        sequences.reference = measured(**sequences.batch(every, len(every))).numpy()
    return sequences.batch(every, len(every))


def order(batch: Batch) -> list[int]:
    """The pair of PAIRS that each pair of the batch is."""
    lengths = [[sum(c[1]), sum(r[1])] for _, c, r in PAIRS]
    ids = batch["input_ids"].flatten().tolist()
    found = []
    for number, end in enumerate(batch["ends"]):
        last = int(batch["kept"][end - 1]) + 2
        sizes = batch["lengths"][number].int().tolist()
        matching = [
            i for i, (_, _, r) in enumerate(PAIRS) if lengths[i] == sizes and ids[last - len(r[0]) : last] == r[0]
        ]
        assert len(matching) == 1
        found += matching
    assert sorted(found) == list(range(len(PAIRS)))
    return found


@pytest.mark.parametrize("logits_at_once", [1 << 28, 10 * VOCABULARY, 1])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_and_gradient_are_those_of_the_plain_formula(
    name: str, logits_at_once: int, sequences: PairSequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", logits_at_once)
    settings = Train(**OBJECTIVES[name])
    plain, reference = llama(1, "eager"), llama(2, "eager")
    expected = torch.stack([by_formula(settings, c, r, plain, reference) for _, c, r in PAIRS]).sum()
    (2 * expected).backward()
    fused = PreferenceLoss(llama(1), settings)
    told = fused(**batch_of(sequences, llama(2)))
    (2 * told[0]).backward()
    assert told[0].item() == pytest.approx(expected.item(), rel=1e-6)
    gradients = dict(plain.named_parameters())
    for parameter_name, parameter in fused.model.named_parameters():
        torch.testing.assert_close(
            parameter.grad, gradients[parameter_name].grad, rtol=1e-4, atol=2e-5, msg=parameter_name
        )


def test_the_log_probability_of_a_side_is_the_sum_over_its_learned_tokens(sequences: PairSequences) -> None:
    batch = batch_of(sequences, llama(2))
    plain = llama(2, "eager")
    for place, pair in enumerate(order(batch)):
        expected = [log_probability(plain, conversation).item() for conversation in PAIRS[pair][1:]]
        assert batch["reference"][place].tolist() == pytest.approx(expected, rel=1e-6)


def test_before_the_first_step_nothing_is_preferred(sequences: PairSequences) -> None:
    """The model is its own reference: each pair has the loss log 2, no margin, and is a tie."""
    fused = PreferenceLoss(llama(2), Train(objective="dpo"))
    told = fused(**batch_of(sequences, llama(2)))
    pairs = len(PAIRS)
    assert told.tolist() == pytest.approx([pairs * math.log(2), pairs / 2, 0, 0, 0], abs=1e-6)


def test_the_figures_are_sums_over_pairs(sequences: PairSequences) -> None:
    fused = PreferenceLoss(llama(1), Train(objective="dpo", dpo={"beta": 0.3}))
    batch = batch_of(sequences, llama(2))
    told = fused(**batch).tolist()
    plain, reference = llama(1, "eager"), llama(2, "eager")
    rewards = [
        [0.3 * (log_probability(plain, s) - log_probability(reference, s)).item() for s in (c, r)] for _, c, r in PAIRS
    ]
    margins = [chosen - rejected for chosen, rejected in rewards]
    right = sum(margin > 0 for margin in margins)
    assert 0 < right < len(PAIRS)
    sums = [right, sum(margins), *(sum(reward) for reward in zip(*rewards, strict=True))]
    assert told[1:] == pytest.approx(sums, rel=1e-4)


def test_pairs_weigh_the_same_however_they_are_divided_into_batches(sequences: PairSequences) -> None:
    fused = PreferenceLoss(llama(1), Train(objective="dpo"))
    whole = fused(**batch_of(sequences, llama(2)))
    parts = [fused(**sequences.batch(np.array([n]), 2)) for n in range(len(sequences))]
    assert len(parts) > 1
    torch.testing.assert_close(torch.stack(parts).sum(0), whole, rtol=1e-5, atol=1e-5)


def test_a_batch_without_pairs_has_a_gradient_of_zero(sequences: PairSequences) -> None:
    batch_of(sequences, llama(2))
    fused = PreferenceLoss(llama(1), Train(objective="dpo"))
    told = fused(**sequences.batch(np.array([], np.int64), 1))
    assert told.tolist() == [0] * 5
    told[0].backward()
    assert all(p.grad is not None and not p.grad.any() for p in fused.parameters())


def test_chunks_hold_whole_pairs_and_no_more_than_allowed(
    sequences: PairSequences, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = loss.cross_entropy_

    def counted(logits: torch.Tensor, *rest: Any) -> torch.Tensor:
        sizes.append(len(logits))
        return original(logits, *rest)

    batch = batch_of(sequences, llama(2))
    monkeypatch.setattr(loss, "cross_entropy_", counted)
    monkeypatch.setattr(loss, "LOGITS_AT_ONCE", 20 * VOCABULARY)
    PreferenceLoss(llama(1), Train(objective="dpo"))(**batch)
    assert len(sizes) > 1
    assert max(sizes) <= 20
    assert set(np.cumsum(sizes)) <= set(batch["ends"])


def test_smoothing_of_tokens_is_refused_with_pairs() -> None:
    with pytest.raises(ValueError, match=r"set train\.dpo\.label_smoothing"):
        Train(objective="dpo", label_smoothing=0.1)
