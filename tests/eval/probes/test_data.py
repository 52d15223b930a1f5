"""What comes in configs/probes: enough of it, and chance is what it is said to be."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.probe import FOLDER, Item, Probe, chosen, load_probe, probe_paths
from pipeline.people.mentions import ATTRIBUTES

PROBES = {path.stem: load_probe(path) for path in sorted(FOLDER.glob("*.yaml"))}
OF_ITEMS = {name: probe for name, probe in PROBES.items() if probe.items}


def test_there_are_enough_items_of_each_kind() -> None:
    assert set(PROBES) == {"intent", "entities", "sentiment", "context", "persona", "facts", "stereotypes"}
    assert {name: len(probe.entries) >= 45 for name, probe in PROBES.items()} == dict.fromkeys(PROBES, True)
    assert len(PROBES["stereotypes"].pairs) >= 120


@pytest.mark.parametrize("name", OF_ITEMS)
def test_who_knows_only_the_replies_is_right_as_often_as_chance(name: str) -> None:
    """Of items with the same replies each reply is right in as many, so no preference among them helps."""
    rights: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for item in OF_ITEMS[name].items:
        rights[frozenset(item.choices)][item.right] += 1
    for replies, counts in rights.items():
        assert set(counts) == replies
        assert len(set(counts.values())) == 1


@pytest.mark.parametrize("name", OF_ITEMS)
def test_no_two_items_put_the_same_to_the_model(name: str) -> None:
    asked = Counter((item.system, item.turns, item.question, item.message) for item in OF_ITEMS[name].items)
    assert max(asked.values()) == 1


def words_of(item: Item) -> set[str]:
    return set(re.findall(r"\w+", " ".join((*item.turns, item.message)).lower()))


@pytest.mark.parametrize("name", ["context", "entities"])
def test_the_right_reply_is_in_what_was_said_and_so_is_a_wrong_one(name: str) -> None:
    for item in PROBES[name].items:
        assert item.right.lower() in words_of(item), item.id
        assert any(wrong.lower() in words_of(item) for wrong in item.wrong), item.id


def test_context_is_asked_after_two_to_eight_turns_of_the_user() -> None:
    turns = Counter(len(item.turns) // 2 + 1 for item in PROBES["context"].items)
    assert sorted(turns) == [2, 3, 4, 5, 6, 7, 8]
    assert {f"{len(item.turns) // 2 + 1} turns" for item in PROBES["context"].items} == {
        item.group for item in PROBES["context"].items
    }


def test_each_of_two_groups_is_the_stereotyped_one_as_often_as_the_other() -> None:
    """So a model that prefers one of them, whatever is said, is at one half."""
    stereotyped = Counter((pair.group, pair.stereotype, pair.other) for pair in PROBES["stereotypes"].pairs)
    for (attribute, one, other), pairs in stereotyped.items():
        assert stereotyped[attribute, other, one] == pairs, (one, other)


def test_stereotypes_are_of_attributes_that_the_audit_knows() -> None:
    pairs = Counter(pair.group for pair in PROBES["stereotypes"].pairs)
    assert set(pairs) <= set(ATTRIBUTES)
    assert len(pairs) >= 7
    assert min(pairs.values()) >= 15


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("about: x\nitems: [{id: a, message: hi, right: b, wrong: []}]", "items.0.wrong: "),
        ("about: x\nitems: [{id: a, message: hi, right: b, wrong: [b]}]", "item a: the replies must differ"),
        ("about: x\nitems: [{id: a, message: hi, right: b, wrong: [c], sistem: d}]", "did you mean system?"),
        ("about: x\nitems: [{id: a, message: hi, right: b, wrong: [c], turns: [d]}]", "item a: turns: 1 of them"),
        ("about: x\nprompt: hello\nitems: [{id: a, message: hi, right: b, wrong: [c]}]", "prompt: must have {message}"),
        ("about: x\nprompt: '{message} {question}'\nitems: [{id: a, message: hi, right: b, wrong: [c]}]", "item a: an"),
        ("about: x\npairs: [{id: a, group: g, sentence: hi, stereotype: b, other: c}]", "pair a: the sentence must"),
        ("about: x\npairs: [{id: a, group: g, sentence: '{} x', stereotype: b, other: b}]", "pair a: stereotype and"),
        ("about: x", "a probe has either items or pairs"),
        (
            "about: x\nitems: [{id: a, message: hi, right: b, wrong: [c]}, {id: a, message: ho, right: b, wrong: [c]}]",
            "two have the id a",
        ),
    ],
)
def test_a_mistake_names_the_file_the_item_and_the_key(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as refused:
        load_probe(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


def test_files_of_ones_own_are_probes_beside_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path, "about: x\nitems: [{id: a, message: hi, right: b, wrong: [c]}]")
    assert set(probe_paths((str(path),))) == {*PROBES, "mine"}
    assert set(chosen(("mine", "facts"), (str(path),))) == {"mine", "facts"}
    assert isinstance(load_probe(path), Probe)
    with pytest.raises(UserError, match=r"evaluate\.probes: there is no probe 'fact'; there are: context, "):
        chosen(("fact",))
    with pytest.raises(UserError, match="no such file"):
        probe_paths((str(tmp_path / "none.yaml"),))
    namesake = tmp_path / "facts.yaml"
    path.rename(namesake)
    with pytest.raises(UserError, match="there is a probe facts already"):
        probe_paths((str(namesake),))
