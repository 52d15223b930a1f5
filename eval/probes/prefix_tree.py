"""Likelihoods of replies, and the model's own, over a tree of prompts: what several of them share is computed once.

All token sequences of a batch lie in one row, each token beside its parent's children. A token sees its ancestors only
(the mask), at the position of its depth: to the model it is as if each path were a sequence of its own. Prompts of one
chat template share their head, the choices of an item its prompt. Source of the layout: Miao et al. 2023, SpecInfer,
section 4.2, "tree attention".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from pipeline.contract.progress import Progress
from pipeline.contract.side_by_side import side_by_side

BATCH_TOKENS = 1024
"""Tokens of one forward pass, but for what one question needs."""


@dataclass(frozen=True)
class Question:
    """A prompt, replies whose likelihood after it is asked, and how many tokens of the model's own are wanted."""

    prompt: list[int]
    replies: list[list[int]]
    own_tokens: int = 0


@dataclass(frozen=True)
class Answer:
    """likelihoods: of each token of each reply, log to base e. own: the model's greedy reply, without its end."""

    likelihoods: list[list[float]]
    own: list[int]


@dataclass
class PrefixTree:
    """Tokens with their parents (-1: none), which come before them, and depths."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, sequence: Sequence[int], after: int = -1) -> list[int]:
        """The nodes of a sequence below the node `after`; those that are there already are shared."""
        path = []
        for token in sequence:
            node = self._children.setdefault((after, token), len(self.tokens))
            if node == len(self.tokens):
                self.tokens.append(token)
                self.parents.append(after)
                self.depths.append(self.depths[after] + 1 if after >= 0 else 0)
            path.append(after := node)
        return path

    def sight(self) -> torch.Tensor:
        """Bool (N, N), true where the node of the row sees that of the column: itself and its ancestors."""
        seen_NN = torch.eye(len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen_NN[node] |= seen_NN[parent]
        return seen_NN


def answer(
    model: PreTrainedModel, questions: Sequence[Question], stop: Sequence[int], progress: Progress | None = None
) -> list[Answer]:
    """An answer to each question. stop: tokens that end a reply of the model's own.

    Likelihoods are those that each prompt and reply would have alone, to rounding. Questions that the model answers
    itself go first, as those of a batch share their steps, each of which reads all weights.
    """
    order = sorted(range(len(questions)), key=lambda i: not questions[i].own_tokens)
    answers: list[Answer] = []
    batches = _batches([questions[i] for i in order])
    for found in side_by_side(lambda batch: _answer(model, batch, frozenset(stop)), batches, model):
        answers += found
        if progress:
            progress.advance(len(found))
    place = {question: at for at, question in enumerate(order)}
    return [answers[place[i]] for i in range(len(questions))]


def _batches(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Neighbours whose tree has at most BATCH_TOKENS nodes; neighbours are likely to share the most."""
    batch: list[Question] = []
    tree = PrefixTree()
    for question in questions:
        _plant(tree, question)
        if batch and len(tree.tokens) > BATCH_TOKENS:
            yield batch
            batch, tree = [], PrefixTree()
            _plant(tree, question)
        batch.append(question)
    if batch:
        yield batch


def _plant(tree: PrefixTree, question: Question) -> tuple[int, list[list[int]]]:
    """The last node of the prompt, and the nodes of each reply."""
    last = tree.add(question.prompt)[-1]
    return last, [tree.add(reply, last) for reply in question.replies]


@torch.inference_mode()
def _answer(model: PreTrainedModel, batch: list[Question], stop: frozenset[int]) -> list[Answer]:
    tree = PrefixTree()
    planted = [_plant(tree, question) for question in batch]
    edges = sorted({node for _, replies in planted for reply in replies for node in reply})
    kept = sorted({tree.parents[node] for node in edges} | {last for last, _ in planted})
    row_of = {node: row for row, node in enumerate(kept)}
    cache = DynamicCache() if any(question.own_tokens for question in batch) else None
    logits_KV = _forward(model, tree.tokens, tree.depths, tree.sight(), kept, cache)
    targets = torch.tensor([tree.tokens[node] for node in edges], device=logits_KV.device)
    rows = torch.tensor([row_of[tree.parents[node]] for node in edges], device=logits_KV.device)
    found = logits_KV[rows, targets] - logits_KV.logsumexp(-1)[rows]
    likelihood = dict(zip(edges, found.tolist(), strict=True))
    likely = dict(zip(kept, logits_KV.argmax(-1).tolist(), strict=True))
    talking = [i for i, question in enumerate(batch) if question.own_tokens]
    own: dict[int, list[int]] = {}
    if cache is not None:
        ends = [planted[i][0] for i in talking]
        longest = max(batch[i].own_tokens for i in talking)
        spoken = _speak(model, tree, cache, ends, [likely[end] for end in ends], longest, stop)
        own = {i: said[: batch[i].own_tokens] for i, said in zip(talking, spoken, strict=True)}
    return [
        Answer([[likelihood[node] for node in reply] for reply in replies], own.get(i, []))
        for i, (_, replies) in enumerate(planted)
    ]


def _speak(
    model: PreTrainedModel,
    tree: PrefixTree,
    cache: DynamicCache,
    ends: list[int],
    first: list[int],
    longest: int,
    stop: frozenset[int],
) -> list[list[int]]:
    """The likeliest tokens after each of the nodes `ends`, B of them, at most `longest`, up to one of `stop`.

    A step reads one token of each: they see the path to their node, and what they said themselves.
    """
    seen_BN = tree.sight()[ends]
    said, newest = [[token] for token in first], first
    itself_BB = torch.eye(len(ends), dtype=torch.bool)
    for step in range(1, longest):
        if all(stop & set(tokens) for tokens in said):
            break
        seen_BN = torch.cat([seen_BN, itself_BB], dim=1)
        depths = [tree.depths[end] + step for end in ends]
        newest = _forward(model, newest, depths, seen_BN, list(range(len(ends))), cache).argmax(-1).tolist()
        for tokens, token in zip(said, newest, strict=True):
            tokens.append(token)
    return [_before_end(tokens, stop) for tokens in said]


def _before_end(tokens: list[int], stop: frozenset[int]) -> list[int]:
    return tokens[: next((i for i, token in enumerate(tokens) if token in stop), len(tokens))]


def _forward(
    model: Any, tokens: list[int], depths: list[int], seen_QN: torch.Tensor, kept: list[int], cache: DynamicCache | None
) -> torch.Tensor:
    """Logits float (K, V) at the tokens `kept`, of those that are read now; seen_QN: what each of them sees."""
    device = model.device
    return (
        model(
            input_ids=torch.tensor([tokens], device=device),
            attention_mask=seen_QN[None, None].to(device),
            position_ids=torch.tensor([depths], device=device),
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=torch.tensor(kept, device=device),
        )
        .logits[0]
        .float()
    )
