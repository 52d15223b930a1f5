"""How offensive the replies of a conversation are: what the words are, and what is done with them.

Up to MENTION the words alone decide: a reply with a slur has 0.6, however it is meant. Above it only an attack counts
(pipeline.clean.scores.offensive_model): on a person or a group, by a slur or without a coarse word. What is quoted,
reported, condemned or reclaimed, what swears at things, and words with another meaning are none.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from pipeline.clean.scores.offensive_features import ALARMING, MENACE_BIT, STRONG_BIT, TARGET_BIT, sentences
from pipeline.clean.scores.offensive_model import TOLD, Attack, worst_attack
from pipeline.clean.scores.offensive_words import phrase_severity

if TYPE_CHECKING:
    from pipeline.clean.scores.words import Texts, Words

MENTION = 0.6
"""Score of the severest word by itself."""
NOTICED = 0.25
"""From this score on, an offence names the words that weighed most."""
NEAR_WORDS = 25
"""Between a menace and its target, at most."""
ASSENT_WORDS, STATED_WORDS = 12, 60
"""A longer reply says something of its own; what is longer than this is a text, and a yes answers a question on it."""
ASSENT = regex.compile(
    r"\W*(?:(?:oh|well|haha|lol|hell|damn),? )?(?:yes|yeah|yep|yup|ya|agree|agreed|exactly|(?:so |very )?true|right"
    r"|same|absolutely|totally|definitely|certainly|indeed|amen|(?:of course|for sure|sure)|correct|preach|this|facts"
    r"|me too|ikr|i (?:\w+ )?agree|i think so|couldn't agree more|you(?:'re| are) (?:\w+ )?right|good (?:point|idea)"
    r"|well said|i know,? right|they (?:all |really )?(?:should|do|are|deserve))\b",
    regex.IGNORECASE,
)
DISSENT = regex.compile(
    r"\?|n't\b|\b(?:not|no|none|never|but|however|though|disagree|wrong|sorry|sad|awful|hurts?|respect|human|nobody|"
    r"everyone|understand|feel|hear you)\b",
    regex.IGNORECASE,
)
ASKING = regex.compile(
    r"\b(?:do|don't|would) you (?:\w+ )?(?:think|agree|say|believe)(?: that)?\b|\bis(?:n't)? it true(?: that)?\b"
)


class Offence(NamedTuple):
    """The worst of a conversation's learned replies.

    score: 0 to 1. turn, role: of the reply. agrees_with: number of the turn of others whose attack it takes for its own
    by assent, or None. words: those that weighed most, the heaviest first.
    """

    score: float
    turn: int
    role: str
    agrees_with: int | None
    words: list[str]


NONE = Offence(0.0, -1, "", None, [])


def offences(
    words: "Words",
    found: "Texts",
    texts: Sequence[str],
    roles: Sequence[str],
    replies: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.int64],
    heard: npt.NDArray[np.bool_] | None = None,
) -> list[Offence]:
    """Of each conversation, by its learned replies alone. A reply that does no more than agree with an attack on a
    group takes the attack's score.

    roles, replies (learned ones): of each turn. ends: [conversations + 1]. heard: whether each turn may be English, the
    language of the words; without it all may. Other conversations do not matter.
    """
    judged = replies if heard is None else replies & heard
    alarming = may_attack(words.field("alarm")[found.numbers], found)
    scores = np.where(judged, mention(words, found, texts, judged), 0.0)
    conversation = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    answered = np.append(judged[1:] & (conversation[1:] == conversation[:-1]), False) & ~replies
    sizes = np.diff(found.ends)
    attacks: dict[int, Attack] = {}
    agreed: dict[int, int] = {}
    for turn in np.flatnonzero((judged | answered) & alarming).tolist():
        if judged[turn]:
            keep_worse(attacks, turn, attack(words, texts[turn]))
        elif sizes[turn] <= STATED_WORDS and assents(texts[turn + 1]):
            meant = attack(words, stated(texts[turn]))
            if meant.at_group and keep_worse(attacks, turn + 1, meant):
                agreed[turn + 1] = turn
    for turn, its in attacks.items():
        scores[turn] = max(scores[turn], its.chance)
    scores = scores.round(4)
    worst = []
    for start, end in pairwise(ends.tolist()):
        turn = start + int(scores[start:end].argmax()) if start < end else -1
        if turn < 0 or not judged[turn]:
            worst.append(NONE)
            continue
        before = agreed[turn] - start if turn in agreed else None
        told = heaviest(words, texts[turn], attacks.get(turn), scores[turn]) if scores[turn] >= NOTICED else []
        worst.append(Offence(float(scores[turn]), turn - start, roles[turn], before, told))
    return worst


def heaviest(words: "Words", text: str, its: Attack | None, score: float) -> list[str]:
    """The words that weighed most: in the attack, where that is what counts, or by themselves."""
    if its and round(its.chance, 4) >= score:
        return its.words
    severity = words.severity[words.numbers(text)].tolist()
    weights = {word: weight for word, weight in zip(text.lower().split(), severity, strict=True) if weight}
    return sorted(weights, key=lambda word: -weights[word])[:TOLD]


def offensiveness(texts: Sequence[str]) -> list[float]:
    """Score of each text as a reply, 0 to 1, four decimals. It does not depend on the other texts."""
    from pipeline.clean.scores.words import known_words, texts_of

    every = np.ones(len(texts), bool)
    found = texts_of(known_words(), texts)
    ends = np.arange(len(texts) + 1)
    return [its.score for its in offences(known_words(), found, texts, ["assistant"] * len(texts), every, ends)]


def may_attack(alarms: npt.NDArray[np.int32], found: "Texts") -> npt.NDArray[np.bool_]:
    """[texts]: whether each holds a strong word, or a menace and a target that are as near as in a sentence.

    alarms: bits of alarm of all words of the texts.
    """
    may = np.zeros(len(found), bool)
    may[found.texts[alarms & STRONG_BIT > 0]] = True
    menaces, targets = np.flatnonzero(alarms & MENACE_BIT), np.flatnonzero(alarms & TARGET_BIT)
    if len(targets):
        after = np.searchsorted(targets, menaces)
        for nearest in (targets[np.maximum(after - 1, 0)], targets[np.minimum(after, len(targets) - 1)]):
            near = (abs(nearest - menaces) <= NEAR_WORDS) & (found.texts[nearest] == found.texts[menaces])
            may[found.texts[menaces[near]]] = True
    return may


def mention(
    words: "Words", found: "Texts", texts: Sequence[str], judged: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """[texts]: what the severest word or phrase of each amounts to by itself."""
    severest = found.worst(words.severity)
    for number in np.flatnonzero((found.either(words.field("phrase")) > 0) & judged).tolist():
        severest[number] = max(severest[number], phrase_severity(texts[number]))
    return MENTION * severest


def attack(words: "Words", text: str) -> Attack:
    """Of the sentence that attacks most."""
    parts, alarms = sentences(text), words.alarms
    bits = [reduce(or_, map(alarms.__getitem__, words.numbers(part)), 0) for part in parts]
    return worst_attack([part for part, its in zip(parts, bits, strict=True) if its in ALARMING])


def assents(reply: str) -> bool:
    """Whether a reply does no more than agree."""
    return len(reply.split()) <= ASSENT_WORDS and bool(ASSENT.match(reply)) and not DISSENT.search(reply)


def stated(question: str) -> str:
    """What one says who answers a question with yes."""
    return ASKING.sub("", question.lower()).replace("?", ".")


def keep_worse(attacks: dict[int, Attack], turn: int, its: Attack) -> bool:
    """Notes a turn's attack, unless one that is as bad is known; whether it does."""
    worse = its.chance > attacks[turn].chance if turn in attacks else its.chance > 0
    if worse:
        attacks[turn] = its
    return worse
