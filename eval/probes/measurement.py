"""The probes of a model: which of several replies it finds the likeliest, and which of two sentences."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from configs.evaluate import Evaluate
from configs.probe import Item, Pair, Probe, chosen, load_probe
from eval.metrics.words import words
from eval.probes.pairs import preferences
from eval.probes.prefix_tree import Answer, Question, answer
from eval.probes.prompt import Message, encoded, rendered
from eval.probes.wilson import wilson
from pipeline.contract.progress import Progress

CONTENT_FREE = "N/A"
"""A message that says nothing (Zhao et al. 2021, Calibrate Before Use, section 5)."""

OWN_TOKENS = 16
"""Longest reply of the model's own: the answers are of few words."""


def measure(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Evaluate) -> dict[str, Any]:
    """Name to figures of each probe of the settings (docs/evaluation.md says what they are).

    {accuracy, low, high, count, chance, ideal, groups, items [[id, score]]}, and but for pairs {plain, prior} and,
    where the answers are short, {generated}. Raises UserError for a probe that is not there or wrong.
    """
    probes = {name: load_probe(path) for name, path in chosen(settings.probes, settings.probe_files).items()}
    taken = {name: probe.entries[: settings.probe_items] for name, probe in probes.items()}
    with Progress("evaluate: probes", sum(map(len, taken.values())), "items") as progress:
        return {
            name: _measure(model, tokenizer, probe, taken[name], settings.probe_replies, progress)
            for name, probe in probes.items()
        }


def _measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    probe: Probe,
    entries: Sequence[Item] | Sequence[Pair],
    replies: int,
    progress: Progress,
) -> dict[str, Any]:
    pairs = [entry for entry in entries if isinstance(entry, Pair)]
    if pairs:
        scores = preferences(model, tokenizer, [pair.choices for pair in pairs], progress)
        return _figures(entries, scores, 0.5, 0.5)
    items = [entry for entry in entries if isinstance(entry, Item)]
    informed = [
        _question(tokenizer, item, _messages(probe, item), OWN_TOKENS if probe.generated and i < replies else 0)
        for i, item in enumerate(items)
    ]
    blind = [_question(tokenizer, item, _content_free(probe, item)) for item in items]
    answers = answer(model, informed, stop_tokens(tokenizer), progress)
    priors = answer(model, blind, (), None)
    scores = [_right(_gains(said, prior)) for said, prior in zip(answers, priors, strict=True)]
    chance = sum(1 / len(item.choices) for item in items) / len(items)
    found = _figures(items, scores, chance, 1.0)
    for key, guesses in (("plain", answers), ("prior", priors)):
        rights = [_right(_by_byte(item, said)) for item, said in zip(items, guesses, strict=True)]
        found[key] = sum(rights) / len(items)
    if probe.generated and replies:
        said = [tokenizer.decode(answer_.own, skip_special_tokens=True) for answer_ in answers[:replies]]
        found["generated"] = _generated(items, [str(reply).strip() for reply in said])
    return found


def _generated(items: Sequence[Item], replies: list[str]) -> dict[str, Any]:
    """{accuracy, low, high, items [[id, score, reply]]} of the model's own replies to the first items."""
    scores = [float(names_only_right(item, reply)) for item, reply in zip(items, replies, strict=False)]
    return {**_share(scores), "items": [[i.id, s, r] for i, s, r in zip(items, scores, replies, strict=False)]}


def _figures(entries: Sequence[Item | Pair], scores: list[float], chance: float, ideal: float) -> dict[str, Any]:
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


def _question(tokenizer: PreTrainedTokenizerBase, item: Item, messages: list[Message], own_tokens: int = 0) -> Question:
    prompt, replies = encoded(tokenizer, rendered(tokenizer, messages), item.choices)
    return Question(prompt, replies, own_tokens)


def stop_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of tokens that end a reply: every special one, as text has none."""
    return [number for number, token in tokenizer.added_tokens_decoder.items() if token.special]
