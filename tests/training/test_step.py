"""One optimiser step, taken by a DeepSpeed engine of a single rank in this process."""

import math
from pathlib import Path
from typing import Any

import deepspeed
import pytest
import torch
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from deepspeed.utils import safe_get_full_fp32_param

from configs.errors import UserError
from configs.model import Lora
from configs.train import Launch, Train
from training.communication import CommunicationClock
from training.engine import engine_of
from training.job_config import JobConfig
from training.prefetch import RankBatch
from training.step import Outcome, local_gradient_norm, optimiser_step, seed_dropout

pytestmark = pytest.mark.usefixtures("one_rank")

CPU = torch.device("cpu")


class Slope(torch.nn.Module):
    """A model of one weight whose summed loss is weight × the sum of x, so its gradient is that sum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: list[float]) -> torch.Tensor:
        return (self.weight * sum(x)).sum()


@pytest.fixture
def clock() -> CommunicationClock:
    return CommunicationClock(CPU)


def job(accumulation: int = 1, **settings: Any) -> JobConfig:
    """One rank that takes steps of gradient descent at a learning rate of 1, 0.5 at the first."""
    train = {"steps": 10, "warmup_steps": 2, "learning_rate": 1.0, "min_learning_rate_share": 1.0}
    return JobConfig(
        train=Train(**train | settings, batch_tokens=32 * accumulation),
        launch=Launch(micro_batch=1, ranks=1),
        seed=7,
        architecture=None,
        pretrained=None,
        vocabulary=1,
        sequence_length=32,
        world_size=1,
        tokenizer=Path(),
        sequences=Path(),
        out=Path(),
        checkpoints=Path(),
    )


def engine(accumulation: int = 1, stage: int = 0) -> DeepSpeedEngine:
    model = Slope()
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": accumulation,
        "gradient_clipping": 1e9,
        "zero_optimization": {"stage": stage},
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 1 << 62,
    }
    made, *_ = deepspeed.initialize(model=model, optimizer=torch.optim.SGD(model.parameters(), lr=99.0), config=config)
    return made


def batch(step: int, micro_batches: list[list[float]], learned: int) -> RankBatch:
    return RankBatch(step, [{"x": x} for x in micro_batches], learned)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_gradient_is_that_of_the_mean_loss_of_all_learned_tokens(stage: int, clock: CommunicationClock) -> None:
    """Not of the mean of the micro-batches' means: five tokens, four of them in the second micro-batch."""
    made = engine(accumulation=2, stage=stage)
    outcome = optimiser_step(made, job(accumulation=2), batch(2, [[1.0], [2.0, 3.0, 4.0, 5.0]], 5), clock)
    assert outcome.loss == pytest.approx(15 / 5)  # the weight is 1
    assert outcome.gradient_norm == pytest.approx(15 / 5)
    assert made.module.weight.item() == pytest.approx(1 - 1.0 * 15 / 5)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_pretrained_weights_are_trained_from_what_they_are_in_fp32_not_from_what_bf16_rounds_them_to(
    stage: int,
) -> None:
    this = job(precision="bf16")
    launch = this.launch.model_copy(update={"zero_stage": stage})
    model = torch.nn.Linear(3, 2)
    exact = model.weight.detach().clone()
    assert not torch.equal(exact.bfloat16().float(), exact)
    made = engine_of(model, this.model_copy(update={"launch": launch, "pretrained": "base"}), CPU)
    kept = safe_get_full_fp32_param(made.module.weight)
    made.destroy()
    assert kept is not None
    torch.testing.assert_close(kept, exact, rtol=0, atol=0)


def test_the_learning_rate_is_that_of_the_step(clock: CommunicationClock) -> None:
    made = engine()
    outcome = optimiser_step(made, job(), batch(1, [[4.0]], 1), clock)
    assert outcome.rate == 0.5
    assert outcome.loss == 4
    assert made.module.weight.item() == 1 - 0.5 * 4


def test_an_outcome_says_which_step_it_is_of_and_how_long_the_batch_was_waited_for(clock: CommunicationClock) -> None:
    outcome = optimiser_step(engine(), job(), batch(3, [[4.0]], 2), clock, data_seconds=0.25)
    assert (outcome.step, outcome.learned, outcome.data_seconds) == (3, 2, 0.25)
    assert optimiser_step(engine(), job(), batch(3, [[4.0]], 2), clock).data_seconds == 0


def test_a_batch_in_which_nothing_is_learned_has_no_loss_and_changes_no_weight(clock: CommunicationClock) -> None:
    made = engine()
    outcome = optimiser_step(made, job(), batch(2, [[]], 0), clock)
    assert (outcome.loss, outcome.gradient_norm, made.module.weight.item()) == (0, 0, 1)


def test_figures_can_be_read_at_once_where_there_is_no_gpu(clock: CommunicationClock) -> None:
    assert optimiser_step(engine(), job(), batch(2, [[1.0]], 1), clock).waits_for_device is False


def test_reading_an_outcome_waits_until_the_device_has_copied_it() -> None:
    figures = torch.zeros(2)
    copied = type("Copied", (), {"synchronize": lambda _: figures.fill_(8.0)})()
    outcome = Outcome(1, 4, 0.1, 0.0, lambda: 0.0, figures, copied)
    assert outcome.waits_for_device is True
    assert outcome.loss == 2.0


def test_a_step_seeds_its_dropout(clock: CommunicationClock) -> None:
    drawn = []
    for before in (1, 2):
        torch.manual_seed(before)
        optimiser_step(engine(), job(dropout=0.1), batch(2, [[1.0]], 1), clock)
        drawn.append(torch.rand(()).item())
    assert drawn[0] == drawn[1]


def test_only_the_collectives_of_the_step_itself_count_as_its_communication(clock: CommunicationClock) -> None:
    made = engine()
    clock.time(sum, range(10_000_000))  # what a checkpoint did before
    before = clock._seconds
    outcome = optimiser_step(made, job(), batch(2, [[1.0]], 1), clock)
    assert 0 < outcome.communication_seconds() < before


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_loss_that_is_no_number_stops_training_with_the_remedy(value: float) -> None:
    outcome = Outcome(12, 4, 0.1, 0.0, lambda: 0.0, torch.tensor([value, 1.0]), None)
    with pytest.raises(UserError) as raised:
        _ = outcome.loss
    assert str(raised.value) == (
        f"train: the loss of step 12 is {value}; lower train.learning_rate or raise train.warmup_steps"
    )


def test_the_norm_is_taken_where_deepspeed_keeps_none_and_only_when_the_gradient_is_whole() -> None:
    made = engine(accumulation=2)
    norms = []
    for x in ([3.0], [5.0]):
        made.backward(made(x=x))
        norms.append(float(local_gradient_norm(made)))
        made.step()
    assert norms == [0, 4]  # DeepSpeed has divided by the two micro-batches
    partitioned = engine(stage=1)
    partitioned.backward(partitioned(x=[3.0]))
    assert local_gradient_norm(partitioned) == 0.0
    partitioned.step()


def test_parameters_without_a_gradient_have_no_part_in_the_norm() -> None:
    made = engine()
    made.module.frozen = torch.nn.Parameter(torch.ones(1), requires_grad=False)
    made.backward(made(x=[3.0]))
    assert float(local_gradient_norm(made)) == 3
    made.step()


def drawn(settings: JobConfig, step: int) -> float:
    """A random number right after the dropout of a step was seeded."""
    torch.manual_seed(0)
    seed_dropout(settings, step)
    return torch.rand(()).item()


@pytest.mark.parametrize(
    "settings", [job(dropout=0.1), job().model_copy(update={"lora": Lora(dropout=0.1)})], ids=["attention", "LoRA"]
)
def test_what_dropout_leaves_out_follows_from_seed_step_and_rank(
    settings: JobConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drawn(settings, 1)
    assert drawn(settings, 1) == first
    others = {first, drawn(settings, 2), drawn(settings.model_copy(update={"seed": 8}), 1)}
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    assert len(others | {drawn(settings, 1)}) == 4


@pytest.mark.parametrize("lora", [None, Lora(dropout=0.0)])
def test_without_dropout_the_random_numbers_are_left_alone(lora: Lora | None) -> None:
    torch.manual_seed(0)
    untouched = torch.rand(()).item()
    assert drawn(job().model_copy(update={"lora": lora}), 1) == untouched
