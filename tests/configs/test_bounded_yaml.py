"""What YAML may grow to is known before anything is built from it; what is wrong is said without its words."""

import pytest
import yaml

from configs import bounded_yaml
from configs.errors import UserError
from configs.load import load_profile


def laughs(levels: int) -> str:
    """A list of ten words, and levels of lists of ten aliases of the one before: 10 ** (levels + 1) words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels + 1):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


def test_aliases_are_read_as_ever() -> None:
    assert bounded_yaml.load("a: &a [1, 2]\nb: *a\nc: {<<: &d {e: 3}}\nf: *d") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"e": 3},
        "f": {"e": 3},
    }
    assert bounded_yaml.load(laughs(3))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (laughs(9), "more than 262,144 values"),
        ("a: &a [*a]", "an alias that stands for itself"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
        ("{a: " * 70 + "1" + "}" * 70, "nested deeper than 64 levels"),
        ("x" * (bounded_yaml.LONGEST + 1), "longer than 4,194,304 characters"),
    ],
)
def test_what_would_grow_without_bounds_is_refused(text: str, says: str) -> None:
    with pytest.raises(bounded_yaml.TooLargeError) as refused:
        bounded_yaml.load(text)
    assert bounded_yaml.said(refused.value) == says


@pytest.mark.parametrize("text", ["k: Zebra: b", "a: [Zebra", "a: *Zebra", "a: !!Zebra x", "'Zebra"])
def test_what_is_wrong_is_said_by_its_place_not_by_its_words(text: str) -> None:
    with pytest.raises(yaml.YAMLError) as refused:
        bounded_yaml.load(text)
    assert "Zebra" not in bounded_yaml.said(refused.value)


def test_a_setting_is_bounded_like_a_file() -> None:
    with pytest.raises(UserError, match=r"train\.steps: what it is set to is not valid YAML: more than 262,144 values"):
        load_profile("scratch", ["train.steps={" + laughs(9).replace("\n", ", ") + "}"])
