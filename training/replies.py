"""Replies while training goes on: a few prompts of the validation split, answered by the model as it is.

BLEU and ROUGE-L are those of evaluation, computed by the same code on fewer and shorter replies: a curve to
compare a run with itself, not with the figures of the test split.
"""

import time
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch.distributed as dist
from deepspeed import DeepSpeedEngine
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.contract.greedy_decoding import greedy_tokens
from pipeline.contract.metrics import METRICS
from pipeline.contract.progress import say
from pipeline.contract.tokenizer import saved_tokenizer
from training.data import PackedSequences
from training.job_config import JobConfig
from training.layers import as_transformers_runs

SAMPLES = 3
"""Of the prompts, the first few are shown with their replies; always the same ones."""

PROMPT_SHOWN, REPLY_SHOWN = 300, 150
"""Characters of a prompt that are shown, its last; and of a reply in the log, its first."""

BATCH = 8
"""Prompts that a rank answers together."""

OVERSAMPLING = 8
"""Sequences looked at for each prompt wanted, as some hold no document with a prompt short enough."""


class Sample(TypedDict):
    """One exchange. prompt: the end of what the model reads, markers of turns left out."""

    prompt: str
    reference: str
    reply: str


@dataclass(frozen=True)
class Prompt:
    """Token ids up to the last learned reply of a document, and those of that reply."""

    tokens: list[int]
    reference: list[int]


@dataclass(frozen=True)
class Answers:
    """What eval/metrics/bleu.py and rouge.py read of an outcome (eval/metrics/metric.py), stripped texts."""

    replies: list[str]
    references: list[str]


@dataclass(frozen=True)
class Measured:
    """BLEU (0 to 100) and ROUGE-L (F1, 0 to 1) of `count` replies, some of them, and the seconds that all this took."""

    bleu: float
    rouge_l: float
    count: int
    samples: list[Sample]
    seconds: float


class Replies:
    """Measures replies to the same prompts again and again. All ranks answer their share, rank 0 measures."""

    def __init__(self, job: JobConfig, data: PackedSequences) -> None:
        self._job = job
        self._prompts: list[Prompt] = []
        if job.train.validation_replies and len(data):
            self._prompts = choose_prompts(data, job)
            if reason := self._reason_against() if dist.get_rank() == 0 else "":
                say(f"train: no replies during training: {reason}")
        if job.launch.zero_stage == 3:
            self._prompts = []

    def _reason_against(self) -> str:
        if self._job.launch.zero_stage == 3:
            return "under ZeRO-3 no rank has the whole weights"
        return "" if self._prompts else "no document of the validation split has a prompt and room for a reply"

    def measure(self, engine: DeepSpeedEngine, step: int) -> Measured | None:
        """To be called on all ranks after a validation; None on all but rank 0, and when none are due.

        Leaves the engine in training mode.
        """
        number = -(-step // self._job.train.validation_every)
        if not self._prompts or (number % self._job.train.validation_replies_every and step < self._job.train.steps):
            return None
        started, rank, ranks = time.monotonic(), dist.get_rank(), dist.get_world_size()
        mine = [prompt.tokens for prompt in self._prompts[rank::ranks]]
        engine.eval()
        answered = answer(engine.module.model, mine, self._job.train.validation_reply_tokens)
        engine.train()
        shares: list[Any] = [None] * ranks
        dist.all_gather_object(shares, answered)
        if rank:
            return None
        replies = [shares[i % ranks][i // ranks] for i in range(len(self._prompts))]
        tokenizer = saved_tokenizer(self._job.tokenizer)
        references = _texts(tokenizer, [prompt.reference for prompt in self._prompts])
        answers = Answers(_texts(tokenizer, replies), references)
        shown = zip(self._prompts[:SAMPLES], answers.references, answers.replies, strict=False)
        samples: list[Sample] = [
            {"prompt": _shown(tokenizer, prompt.tokens), "reference": reference, "reply": reply}
            for prompt, reference, reply in shown
        ]
        bleu, rouge_l = scores(answers)
        return Measured(bleu, rouge_l, len(replies), samples, time.monotonic() - started)


def choose_prompts(data: PackedSequences, job: JobConfig) -> list[Prompt]:
    """At most train.validation_replies prompts; which ones follows from the seed and the data, not from the ranks.

    They come from different sequences as far as there are enough. A prompt leaves room for its reply in a sequence.
    """
    random = np.random.default_rng(job.seed)
    wanted, room = job.train.validation_replies, job.sequence_length - job.train.validation_reply_tokens
    each = -(-wanted // len(data))
    chosen: list[Prompt] = []
    for index in random.permutation(len(data))[: wanted * OVERSAMPLING].tolist():
        prompts = [last_prompt(ids, learned) for ids, learned in data.documents(index)]
        fitting = [prompt for prompt in prompts if prompt and len(prompt.tokens) <= room]
        chosen += [fitting[i] for i in random.permutation(len(fitting))[:each]]
        if len(chosen) >= wanted:
            break
    return chosen[:wanted]


def last_prompt(ids: np.ndarray, learned: np.ndarray) -> Prompt | None:
    """The tokens before the last learned run, which is the last reply; None without one."""
    last = np.flatnonzero(learned)
    if not len(last):
        return None
    end = int(last[-1]) + 1
    start = end - 1
    while start and learned[start - 1]:
        start -= 1
    return Prompt(ids[:start].tolist(), ids[start:end].tolist()) if start else None


def answer(model: PreTrainedModel, prompts: list[list[int]], max_new_tokens: int) -> list[list[int]]:
    """The greedy replies of a model that is being trained, as token ids. Stops where its generation_config says."""
    config: Any = model.generation_config
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    pad = config.pad_token_id if config.pad_token_id is not None else ends[0]
    with as_transformers_runs(model):
        return greedy_tokens(model, prompts, max_new_tokens, BATCH, ends, pad)


def scores(answers: Answers) -> tuple[float, float]:
    """BLEU and ROUGE-L, as evaluation computes them."""
    found: dict[str, Any] = {}
    for metric in METRICS:
        if metric.name in ("bleu", "rouge"):
            found |= metric.load()(answers)
    return float(found["bleu"]["score"]), float(found["rouge"]["rougeL"])


def in_one_line(reply: str) -> str:
    """A reply for the log."""
    text = " ".join(reply.split())
    return text if len(text) <= REPLY_SHOWN else text[:REPLY_SHOWN] + "…"


def _texts(tokenizer: PreTrainedTokenizerBase, replies: list[list[int]]) -> list[str]:
    return [text.strip() for text in tokenizer.batch_decode(replies, skip_special_tokens=True)]


def _shown(tokenizer: PreTrainedTokenizerBase, tokens: list[int]) -> str:
    """The end of a prompt in one line, with a space where a marker stood."""
    starts = np.flatnonzero(np.isin(tokens, tokenizer.all_special_ids))
    runs = [run.tolist() for run in np.split(np.array(tokens), starts)]
    text = " ".join(" ".join(tokenizer.batch_decode(runs, skip_special_tokens=True)).split())
    return text if len(text) <= PROMPT_SHOWN else "…" + text[-PROMPT_SHOWN:]
