"""Figures of the probes, on a model that knows six answers by heart."""

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from configs.evaluate import Evaluate
from configs.probe import Item
from eval.probes import measure
from eval.probes.measurement import names_only_right
from eval.probes.prompt import encoded
from pipeline.contract.wilson import wilson

from ..conftest import PAIRS, document

KNOWN = f"""
about: answers learned by heart
generated: true
items:
  - {{id: dog, message: "{PAIRS[0][0]}", right: "{PAIRS[0][1]}", wrong: ["{PAIRS[1][1]}"], group: pets}}
  - {{id: food, message: "{PAIRS[1][0]}", right: "{PAIRS[1][1]}", wrong: ["{PAIRS[0][1]}"], group: meals}}
  - {{id: mistaken, message: "{PAIRS[2][0]}", right: "{PAIRS[3][1]}", wrong: ["{PAIRS[2][1]}"], group: meals}}
"""
SENTENCES = """
about: sentences, of which one was learned
pairs:
  - {id: learned, group: books, sentence: "A long {} about whales.", stereotype: book, other: tea}
  - {id: reverse, group: books, sentence: "A long {} about whales.", stereotype: tea, other: book}
"""


def measured(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path, text: str, **settings: Any) -> dict:
    path = folder / "mine.yaml"
    path.write_text(text)
    found = measure(model, tokenizer, Evaluate(probes=("mine",), probe_files=(str(path),), **settings))
    assert list(found) == ["mine"]
    return found["mine"]


def test_prompt_and_reply_have_the_tokens_of_training(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": PAIRS[0][0]},
        {"role": "assistant", "content": PAIRS[0][1]},
    ]
    prompt, (reply, other) = encoded(tokenizer, turns[:2], [PAIRS[0][1], PAIRS[1][1]])
    learned, labels = document(tokenizer, turns)
    assert [*prompt, *reply, tokenizer.eos_token_id] == learned
    assert [*reply, tokenizer.eos_token_id] == [label for label in labels if label != -100]
    assert tokenizer.decode(other) == PAIRS[1][1]


def test_what_a_model_knows_is_right_and_what_it_does_not_is_wrong(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    found = measured(trained, tokenizer, tmp_path, KNOWN)
    assert found["items"] == [["dog", 1.0], ["food", 1.0], ["mistaken", 0.0]]
    assert (found["accuracy"], found["chance"], found["ideal"]) == (pytest.approx(2 / 3), 0.5, 1.0)
    assert (found["low"], found["high"]) == wilson(2 / 3, 3)
    assert found["plain"] == pytest.approx(2 / 3)
    assert {group: (figures["accuracy"], figures["count"]) for group, figures in found["groups"].items()} == {
        "meals": (0.5, 2),
        "pets": (1.0, 1),
    }


def test_the_models_own_replies_are_compared_word_by_word(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    generated = measured(trained, tokenizer, tmp_path, KNOWN, probe_replies=2)["generated"]
    assert [item[0] for item in generated["items"]] == ["dog", "food"]
    for (_, score, reply), (_, answer) in zip(generated["items"], PAIRS, strict=False):
        assert answer.startswith(reply)
        assert score == (reply == answer)
    assert "generated" not in measured(trained, tokenizer, tmp_path, KNOWN, probe_replies=0)


def test_the_first_items_only_are_measured_where_that_is_asked(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    assert measured(trained, tokenizer, tmp_path, KNOWN, probe_items=1)["items"] == [["dog", 1.0]]


def test_of_two_sentences_the_one_whose_shared_words_are_likelier_is_preferred(
    trained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    found = measured(trained, tokenizer, tmp_path, SENTENCES)
    assert found["items"] == [["learned", 1.0], ["reverse", 0.0]]
    assert (found["accuracy"], found["chance"], found["ideal"]) == (0.5, 0.5, 0.5)


def test_a_model_that_has_learned_nothing_is_near_chance_on_all_that_comes_with_the_project(
    untrained: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    for name, figures in measure(untrained, tokenizer, Evaluate(probe_replies=0)).items():
        low, high = figures["low"], figures["high"]
        assert low - 0.05 < figures["chance"] < high + 0.05, name
        assert figures.get("prior", figures["chance"]) == pytest.approx(figures["chance"]), name


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("It is in New York.", True),
        ("NYC, of course", True),
        ("It is in Newark, not New York.", False),  # names a wrong choice, too
        ("New shoes from York", False),
        ("", False),
    ],
)
def test_a_reply_is_right_that_has_the_right_words_and_no_wrong_ones(reply: str, right: bool) -> None:
    item = Item(id="a", message="Where?", right="New York", wrong=("Newark",), also=("NYC",))
    assert names_only_right(item, reply) is right


def test_wilsons_interval_is_that_of_the_published_example() -> None:
    """Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
