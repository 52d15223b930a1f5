"""Recall and precision of near-duplicate detection on real rows with injected edits, by length.

python benchmarks/dedup_quality.py [DATA] prints one JSON line a length class, and one for rows that share
a long passage. DATA is a folder with corpora/ (default: PARLANCE_SHARED_DATA or ../shared/data). Each of
`rows` real exchanges gets a copy with one edit and a copy with two. An edit is what happens to a text on its way: a
misspelling, another punctuation or case, a filler or any other word more, a word less, a small word for another,
another form of a word. It touches no number, sign, negation or name, and puts no word in the place of another that
means something, which would make another text. All pairs of rows are compared to know the truth.

recall: of all pairs with Jaccard 0.8 or above (true, all pairs compared) that tell the same facts, the share found.
  Facts are the tokens with a digit or a sign, the negations, the words with a capital letter within a sentence, and
  words but small ones where one stands for another that is not spelt like it.
precision: of the pairs found, the share that tells the same facts and whose word edit distance is at most a fifth of
  the longer row, or two words: a judgement that does not rest on shingles.
cluster_precision: the same of every dropped row and the row that stays for it, after clustering: chains count.
edits_found: of the injected copies, the share found, with one edit and with two. Short rows with an edit may
  fall below Jaccard 0.8, and then they are not duplicates by definition.
facts_kept_apart: of the copies in which one fact was changed (another number, another name within a sentence, a
  negation more, another word in small letters), by kind, the share that is no duplicate.

shared_passage: real BoolQ rows with another question about the same passage (their answers put to the
  same value, so that only the question tells them apart). kept_apart: of the pairs of such rows with
  Jaccard 0.8 or above whose questions differ by more than two words, and not by additions alone, the
  share that is no duplicate.
  recall: of each row and its copy with one or two edits, at Jaccard 0.8 or above, the share found.
"""

import csv
import gzip
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from benchmarks.arguments import argument, shared_data
from configs.deduplicate import Deduplicate
from pipeline.deduplicate.candidate_pairs import bands_of_rows, buckets_of, candidate_pairs
from pipeline.deduplicate.connected_components import components_in_memory
from pipeline.deduplicate.hashed_words import HashedWords
from pipeline.deduplicate.near_duplicates import WORDS_OF_ROWS, duplicates, verify
from pipeline.deduplicate.representatives import MEMBERS_WITH_WORDS, represent
from pipeline.deduplicate.similarity import Compared, similarities

CLASSES = {"8-15": (8, 15), "16-40": (16, 40), "41-": (41, 400)}
QUALIFIERS = {"only", "very", "most", "more", "other", "same", "few", "little", "great", "best", "good", "nice", "lot"}
"""What stands after an article and names nothing."""
FACTS = ("number", "name", "negation", "word")
LEAST_ALIKE = 0.75
"""Similarity of the spelling (Ratcliff and Obershelp) of a word and what it is misspelt or inflected as."""
Exchange = tuple[str, str]


def exchanges(data: Path) -> Iterator[Exchange]:
    """Prompt and reply pairs of three corpora: task dialogues, open chat, questions with long answers."""
    corpora = data / "corpora"
    with gzip.open(corpora / "sgd_train.messages.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            turns = [m["content"] for m in json.loads(line)["messages"]]
            yield from zip(turns[0::2], turns[1::2], strict=False)
    with gzip.open(corpora / "topical_chat_valid.sharegpt.json.gz", "rt", encoding="utf-8") as file:
        for dialogue in json.load(file):
            turns = [m["value"] for m in dialogue["conversations"]]
            yield from zip(turns[0::2], turns[1::2], strict=False)
    with gzip.open(corpora / "counsel_chat.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            yield record["questionText"] or "", record["answerText"] or ""


def shared_passages(data: Path, rows: int) -> list[tuple[str, str]]:
    """(passage, question) of BoolQ rows whose passage has several questions, in the order of the file."""
    questions: dict[str, list[str]] = {}
    with gzip.open(data / "corpora" / "boolq.columns.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            questions.setdefault(record["passage"], []).append(record["question"])
    several = [(passage, q) for passage, asked in questions.items() if len(asked) > 1 for q in dict.fromkeys(asked)]
    return several[:rows]


FILLERS = ("please", "just", "really", "actually", "so", "well", "maybe", "very", "kindly", "indeed")
NEGATIONS = {"not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot", "non"}

_SMALL = """
    a an the this that these those it its is are was were be been am do does did has have had would will can could
    should may might of at by for about into as if then than so but just also too very really quite there here
    we our us they them their please ok oh well yes
"""
SMALL = frozenset(_SMALL.split())
"""Words that may stand for each other without another meaning of the whole."""


def edited(exchange: Exchange, changes: int, vocabulary: list[str], random: Random) -> Exchange:
    """The exchange with `changes` edits of words that are no facts. vocabulary: words for the place of others."""
    prompt, reply = (side.split() for side in exchange)
    words = [*prompt, *reply]
    wanted = [place for place, word in enumerate(words) if plain(word)]
    for place in random.sample(wanted, min(changes, len(wanted))):
        words[place] = edited_word(words[place], vocabulary, random)
    return " ".join(words[: len(prompt)]), " ".join(words[len(prompt) :])


def edited_word(word: str, vocabulary: list[str], random: Random) -> str:
    """The word after an edit. A first letter is seldom mistyped (Kukich 1992, Techniques for Automatically Correcting
    Words in Text, section 1), and stays where others follow it.
    """
    at = random.randrange(min(1, len(word) - 2), len(word) - 1)
    return random.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + 2 * word[at] + word[at + 1 :],
            word.upper(),
            f"{word},",
            f"{random.choice(FILLERS)} {word}",
            f"{random.choice(vocabulary)} {word}",
            another_form(word, random),
            "",
        ]
    )


def another_form(word: str, random: Random) -> str:
    """A small word for a small word, and of any other its plural, or the singular of what ends in s."""
    if word in SMALL:
        return random.choice([other for other in sorted(SMALL) if other != word])
    return word[:-1] if word.endswith("s") else f"{word}s"


def plain(word: str) -> bool:
    """Whether a word is no fact: two small letters or more, nothing else, and no negation."""
    return len(word) > 1 and word.isascii() and word.isalpha() and word.islower() and word not in NEGATIONS


def facts(text: str) -> Counter[str]:
    """The tokens of a text that tell it from another, see the top of this file."""
    found: Counter[str] = Counter()
    begins = True
    for token in text.split():
        word = token.strip(".,;:!?\"'()[]*").casefold()
        if any(map(str.isdigit, token)) or any(unicodedata.category(c) in ("Sm", "Sc", "So") for c in token):
            found[word] += 1
        elif word in NEGATIONS or word.endswith(("n't", "n’t")):
            found["not"] += 1
        elif token[:1].isupper() and not begins and len(word) > 1:
            found[word] += 1
        begins = token[-1] in '.!?:"'
    return found


def same_facts(a: Exchange, b: Exchange) -> bool:
    """Whether prompts and replies of both tell the same facts. A word in capitals may be a fact and may be loud, so
    that it is looked for whatever its case.
    """
    for x, y in zip(a, b, strict=True):
        loud = {word.strip(".,;:!?\"'()[]*").casefold() for word in [*x.split(), *y.split()] if word.isupper()}
        one, other = ({w: n for w, n in facts(text).items() if w not in loud} for text in (x, y))
        if one != other or another_word(x, y):
            return False
    return True


def another_word(a: str, b: str) -> bool:
    """Whether a word that means something stands in the place of another one, which is not spelt like it."""
    words_a, words_b = words_of(a), words_of(b)
    for change, begin_a, end_a, begin_b, end_b in SequenceMatcher(None, words_a, words_b).get_opcodes():
        if change == "replace":
            one, other = (
                {w for w in set(part) - SMALL if w} for part in (words_a[begin_a:end_a], words_b[begin_b:end_b])
            )
            if all(
                any(not any(spelt_alike(x, y) for y in there) for x in here)
                for here, there in ((one, other), (other, one))
            ):
                return True
    return False


def words_of(text: str) -> list[str]:
    return [word.strip(".,;:!?\"'()[]*").casefold() for word in text.split()]


def spelt_alike(a: str, b: str) -> bool:
    """Whether two words seem to be one, misspelt or in another form; of few letters one in two is enough."""
    return SequenceMatcher(None, a, b).ratio() >= (LEAST_ALIKE if min(len(a), len(b)) > 3 else 0.5)


def with_another_fact(exchange: Exchange, kind: str, names: list[str], random: Random) -> Exchange | None:
    """The exchange with another number, name or word, or a negation more; None where it has no place for one."""
    prompt, reply = exchange
    words = reply.split()
    if kind == "number":
        wanted = [i for i, word in enumerate(words) if any(map(str.isdigit, word))]
    elif kind == "name":
        wanted = names_at(words)
    elif kind == "word":
        wanted = things_at(words)
    else:
        wanted = [i for i, word in enumerate(words) if word in ("is", "are", "was", "can", "will", "should")]
    if not wanted:
        return None
    place = random.choice(wanted)
    word = words[place]
    if kind == "number":
        digit = next(c for c in word if c.isdigit())
        words[place] = word.replace(digit, str((int(digit) + random.randrange(1, 10)) % 10), 1)
    elif kind in ("name", "word"):
        words[place] = random.choice([name for name in names if not spelt_alike(name, word)])
    else:
        words[place] = f"{word} not"
    return prompt, " ".join(words)


def edit_distance(a: list[str], b: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


class Found:
    """What the search finds among exchanges: all candidate pairs with their verdicts, and the drops."""

    def __init__(self, rows: list[Exchange], config: Deduplicate) -> None:
        self.hashed = HashedWords.of([[("user", prompt), ("assistant", reply)] for prompt, reply in rows])
        ordinals = np.arange(len(rows))
        keys = np.array([Random(i).getrandbits(64) for i in range(len(rows))], np.uint64)
        features = pa.table({"ordinal": ordinals, **self.hashed.to_arrow()})
        buckets = buckets_of(pa.table({"key": keys, "bands": bands_of_rows(self.hashed, config)}), ordinals)
        pairs, _ = candidate_pairs(buckets, config.neighbours, len(rows))
        hashed = features.select(WORDS_OF_ROWS.names)
        verified = verify(pairs, hashed, hashed, config).to_pylist()
        self.verdicts = {(pair["a"], pair["b"]): pair["duplicate"] for pair in verified}
        self.pairs = {pair for pair, duplicate in self.verdicts.items() if duplicate}
        a, b = (np.array([pair[i] for pair in sorted(self.pairs)], np.int64) for i in (0, 1))
        vertices, components = components_in_memory(a, b)
        members = hashed.take(pa.array(vertices))
        size = len(vertices)
        columns = {
            "component": components,
            "row_id": pa.array([f"{v:06d}" for v in vertices]),
            "rank": np.full(size, 2, np.int8),
            "chars": np.array([len(rows[v][0]) + len(rows[v][1]) for v in vertices], np.int32),
            "repaired": np.zeros(size, np.int32),
        } | {name: members[name] for name in members.column_names}
        placed = represent(pa.table({name: columns[name] for name in MEMBERS_WITH_WORDS.names}), config).clustered
        drops = [each for each in placed.to_pylist() if each["matched"] is not None]
        self.drops = {(each["ordinal"], each["matched_ordinal"]) for each in drops}


def names_at(words: list[str]) -> list[int]:
    """The places of words with a capital letter after an ordinary word."""
    return [
        place
        for place in range(1, len(words))
        if words[place].istitle() and words[place].isalpha() and len(words[place]) > 3 and plain(words[place - 1])
    ]


def things_at(words: list[str]) -> list[int]:
    """The places of words in small letters after an article, which are mostly nouns."""
    return [
        place
        for place in range(1, len(words))
        if words[place - 1] in ("a", "an", "the") and plain(words[place]) and words[place] not in QUALIFIERS
    ]


def alike(a: Exchange, b: Exchange) -> bool:
    """Whether two exchanges differ by few words and in no fact, by a judgement that does not rest on shingles."""
    x, y = (words_of(" ".join(exchange)) for exchange in (a, b))
    return edit_distance(x, y) <= max(2, 0.2 * max(len(x), len(y))) and same_facts(a, b)


def measure(originals: list[Exchange], vocabulary: list[str], config: Deduplicate) -> dict[str, object]:
    """The figures of one length class."""
    random = Random(11)
    copies = [edited(exchange, changes, vocabulary, random) for exchange in originals for changes in (1, 2)]
    rows = [*originals, *copies]
    found = Found(rows, config)
    compared = Compared(found.hashed, config.jaccard)
    everything = np.array(list(combinations(range(len(rows)), 2)))
    jaccard = similarities(compared, everything[:, 0], compared, everything[:, 1])[0]
    close = map(tuple, everything[np.round(jaccard, 4) >= config.jaccard].tolist())
    true = {(a, b) for a, b in close if same_facts(rows[a], rows[b])}
    near_pairs = sum(alike(rows[a], rows[b]) for a, b in found.pairs)
    near_drops = sum(alike(rows[a], rows[b]) for a, b in found.drops)
    count = len(originals)
    edits = {k: sum((i, count + 2 * i + k - 1) in found.pairs for i in range(count)) for k in (1, 2)}
    return {
        "rows": len(rows),
        "pairs_at_threshold": len(true),
        "candidates": len(found.verdicts),
        "recall": round(len(true & found.pairs) / len(true), 4) if true else None,
        "precision": round(near_pairs / len(found.pairs), 4) if found.pairs else None,
        "cluster_precision": round(near_drops / len(found.drops), 4) if found.drops else None,
        "judged_different": len({pair for pair in true & found.verdicts.keys() if not found.verdicts[pair]}),
        "edits_found": {str(k): round(n / count, 4) for k, n in edits.items()},
        "facts_kept_apart": {kind: kept_apart(originals, kind, config) for kind in FACTS},
    }


def kept_apart(originals: list[Exchange], kind: str, config: Deduplicate) -> float | None:
    """Of the copies with another fact, the share that is no duplicate."""
    random = Random(13)
    places = things_at if kind == "word" else names_at
    names = sorted({words[i] for _, reply in originals for words in [reply.split()] for i in places(words)})
    pairs = [(o, copy) for o in originals if (copy := with_another_fact(o, kind, names, random))]
    if not pairs:
        return None
    talks = [[("user", p), ("assistant", r)] for pair in zip(*pairs, strict=True) for p, r in pair]
    compared = Compared(HashedWords.of(talks), config.jaccard)
    first = np.arange(len(pairs))
    same = duplicates(compared, first, compared, first + len(pairs), config.jaccard, config.side_jaccard)[1]
    return round(float((~same).mean()), 4)


def measure_shared_passage(
    asked: list[tuple[str, str]], vocabulary: list[str], config: Deduplicate
) -> dict[str, object]:
    """The figures of rows with another question about the same passage."""
    random = Random(12)
    originals = [(f"{passage}\n\n{question}", "Yes") for passage, question in asked]
    rows = [*originals, *(edited(o, 1 + i % 2, vocabulary, random) for i, o in enumerate(originals))]
    compared = Compared(HashedWords.of([[("user", p), ("assistant", r)] for p, r in rows]), config.jaccard)
    count = len(originals)

    def verdicts(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        a, b = (np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1))
        return duplicates(compared, a, compared, b, config.jaccard, config.side_jaccard)

    def words(i: int) -> set[str]:
        return set(asked[i][1].split())

    others = [
        (i, j) for i, j in combinations(range(count), 2) if asked[i][0] == asked[j][0] and _differ(words(i), words(j))
    ]
    jaccard, apart = verdicts(others)
    close = jaccard >= config.jaccard
    jaccard, copies = verdicts([(i, count + i) for i in range(count)])
    edits = jaccard >= config.jaccard
    return {
        "rows": len(rows),
        "pairs_at_threshold": int(close.sum()),
        "kept_apart": round(float((~apart[close]).mean()), 4) if close.any() else None,
        "edits_at_threshold": int(edits.sum()),
        "recall": round(float(copies[edits].mean()), 4),
    }


def _differ(a: set[str], b: set[str]) -> bool:
    return max(len(a - b), len(b - a)) > 2 and min(len(a - b), len(b - a)) > 0


def main(data: Path, rows: int = 700) -> None:
    """Prints the figures as JSON lines."""
    config = Deduplicate()
    pool = list(dict.fromkeys(exchanges(data)))
    Random(10).shuffle(pool)
    vocabulary = sorted({word for exchange in pool[:2000] for side in exchange for word in side.split() if plain(word)})
    for name, (least, most) in CLASSES.items():
        originals = [e for e in pool if least <= sum(len(side.split()) for side in e) <= most][:rows]
        print(json.dumps({"words": name, **measure(originals, vocabulary, config)}), flush=True)
    asked = shared_passages(data, 2 * rows)
    print(json.dumps({"words": "shared_passage", **measure_shared_passage(asked, vocabulary, config)}), flush=True)


if __name__ == "__main__":
    folder = argument(__doc__, "data", Path, shared_data(), "folder with corpora/")
    assert folder is not None
    main(folder)
