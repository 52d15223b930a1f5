"""The probes of a model: which of several replies it finds the likeliest, and which of two sentences."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.evaluate import Evaluate
from configs.probe import Item, Pair, Probe, chosen, load_probe
from eval.metrics.words import words
from eval.probes import pairs
from eval.probes.prefix_tree import Answer, Question, answer
from eval.probes.prompt import encoded
from pipeline.contract.progress import Progress
from pipeline.contract.turns import Message, stop_tokens
from pipeline.contract.wilson import wilson

CONTENT_FREE = "N/A"
"""A message that says nothing (Zhao et al. 2021, Calibrate Before Use, section 5)."""

OWN_TOKENS = 12
"""Longest reply of the model's own: the answers are of few words."""


def measure(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Evaluate) -> dict[str, Any]:
    """Name to figures of each probe of the settings (docs/evaluation.md says what they are).

    {accuracy, low, high, count, chance, ideal, groups, items [[id, score]]}, and but for pairs {plain, prior} and,
    where the answers are short, {generated}. Raises UserError for a probe that is not there or wrong.
    """
    probes = {name: load_probe(path) for name, path in chosen(settings.probes, settings.probe_files).items()}
    taken = {name: probe.entries[: settings.probe_items] for name, probe in probes.items()}
    asked = {name: _questions(tokenizer, probe, taken[name], settings.probe_replies) for name, probe in probes.items()}
    every = [question for questions in asked.values() for question in questions]
    with Progress("evaluate: probes", len(every), "questions") as progress:
        answers = iter(answer(model, every, stop_tokens(tokenizer), progress))
    said = {name: list(islice(answers, len(questions))) for name, questions in asked.items()}
    return {name: _figures(tokenizer, taken[name], asked[name], said[name]) for name in probes}


def _questions(
    tokenizer: PreTrainedTokenizerBase, probe: Probe, entries: Sequence[Item] | Sequence[Pair], replies: int
) -> list[Question]:
    """A question a pair; a question an item, and then, for each again, one where nothing is said that decides."""
    if probe.pairs:
        return pairs.questions(tokenizer, [entry.choices for entry in entries if isinstance(entry, Pair)])
    items = [entry for entry in entries if isinstance(entry, Item)]
    own_tokens = [OWN_TOKENS if probe.generated and number < replies else 0 for number in range(len(items))]
    informed = [
        Question(*encoded(tokenizer, _messages(probe, item), item.choices), own)
        for item, own in zip(items, own_tokens, strict=True)
    ]
    blind = [Question(*encoded(tokenizer, _content_free(probe, item), item.choices)) for item in items]
    return [*informed, *blind]


def _figures(
    tokenizer: PreTrainedTokenizerBase,
    entries: Sequence[Item] | Sequence[Pair],
    questions: list[Question],
    answers: list[Answer],
) -> dict[str, Any]:
    items = [entry for entry in entries if isinstance(entry, Item)]
    if not items:
        scores = [pairs.preference(*asked_and_said) for asked_and_said in zip(questions, answers, strict=True)]
        return _scored(entries, scores, chance=0.5, ideal=0.5)
    informed, blind = answers[: len(items)], answers[len(items) :]
    scores = [_right(_gains(said, prior)) for said, prior in zip(informed, blind, strict=True)]
    found = _scored(items, scores, chance=sum(1 / len(item.choices) for item in items) / len(items), ideal=1.0)
    for key, guesses in (("plain", informed), ("prior", blind)):
        rights = [_right(_by_byte(item, said)) for item, said in zip(items, guesses, strict=True)]
        found[key] = sum(rights) / len(items)
    own = [said.own for said, asked in zip(informed, questions, strict=False) if asked.own_tokens]
    if own:
        replies = [str(text).strip() for text in tokenizer.batch_decode(own, skip_special_tokens=True)]
        found["generated"] = _generated(items, replies)
    return found


def _generated(items: Sequence[Item], replies: list[str]) -> dict[str, Any]:
    """{accuracy, low, high, items [[id, score, reply]]} of the model's own replies to the first items."""
    scores = [float(names_only_right(item, reply)) for item, reply in zip(items, replies, strict=False)]
    return {**_share(scores), "items": [[i.id, s, r] for i, s, r in zip(items, scores, replies, strict=False)]}


def _scored(entries: Sequence[Item | Pair], scores: list[float], chance: float, ideal: float) -> dict[str, Any]:
    groups: dict[str, list[float]] = defaultdict(list)
    for entry, score in zip(entries, scores, strict=True):
        groups[entry.group].append(score)
    return {
        **_share(scores),
        "chance": chance,
        "ideal": ideal,
        "groups": {group: _share(found) for group, found in sorted(groups.items()) if group},
        "items": [[entry.id, score] for entry, score in zip(entries, scores, strict=True)],
    }


def _share(scores: list[float]) -> dict[str, Any]:
    share = sum(scores) / len(scores)
    low, high = wilson(share, len(scores))
    return {"accuracy": share, "low": low, "high": high, "count": len(scores)}


def _gains(said: Answer, prior: Answer) -> list[float]:
    """log p(reply | all) − log p(reply | none): how much likelier each reply is than where nothing decides it.

    Without it, the reply that is the commonest of all would win, whatever was said, and a longer one would lose
    (Holtzman et al. 2021, Surface Form Competition, section 3, domain-conditional PMI; Brown et al. 2020, section 2.4).
    """
    return [sum(informed) - sum(blind) for informed, blind in zip(said.likelihoods, prior.likelihoods, strict=True)]


def _by_byte(item: Item, said: Answer) -> list[float]:
    """The plain log-likelihood of each reply by its UTF-8 bytes, as the sum falls with a reply's length, whatever it
    says (lm-eval's acc_norm, which divides by characters)."""
    return [sum(tokens) / len(reply.encode()) for tokens, reply in zip(said.likelihoods, item.choices, strict=True)]


def _right(merits: list[float]) -> float:
    """1 when the first, that of the right reply, is above all others, else 0."""
    right, *wrong = merits
    return float(all(right > other for other in wrong))


def names_only_right(item: Item, reply: str) -> bool:
    """Whether a reply has the words of the right choice, one after another, and of no wrong one."""
    said = words(reply)
    return any(_has(said, words(text)) for text in (item.right, *item.also)) and not any(
        _has(said, words(text)) for text in item.wrong
    )


def _has(said: list[str], wanted: list[str]) -> bool:
    return any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1))


def _messages(probe: Probe, item: Item) -> list[Message]:
    """The item's system prompt, earlier turns and message."""
    system = [{"role": "system", "content": item.system}] if item.system else []
    earlier = [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(item.turns)]
    return [*system, *earlier, {"role": "user", "content": probe.asked(item, item.message)}]


def _content_free(probe: Probe, item: Item) -> list[Message]:
    """What remains without what decides: the last message alone, or where nothing came before it, no message."""
    alone = item.message if item.system or item.turns else CONTENT_FREE
    return [{"role": "user", "content": probe.asked(item, alone)}]
