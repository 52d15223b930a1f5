"""The gate of several legs, on evaluations made up item by item."""

import math
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from configs.errors import UserError
from configs.load import load_profile
from configs.promote import Promote
from eval import paired
from eval.gate import Leg, Outcome, judge
from eval.legs import Pair, pairs_of
from eval.paired import Statistic, change, fewer, less, more, nearer_half
from pipeline.contract.leg_table import table
from pipeline.contract.stages import STAGES

Evaluation = dict[str, Any]
ROWS = 120
ATTRIBUTES = {f"{i:03}": ("left" if i % 2 else "right", "travel" if i % 3 else "food") for i in range(ROWS)}


def evaluation(
    loss: Callable[[int], float] = lambda _: 30.0,
    right: int = 40,
    words: int = 10,
    looping: int = 0,
    stereotypical: int = 60,
) -> Evaluation:
    """120 conversations of 20 bytes; 60 replies; 45 items of intent; 120 pairs of stereotypes."""
    generator = np.random.default_rng(0)
    replies = [[f"{i:03}", words + i % 3, 0, int(i < looping), round(generator.random(), 3)] for i in range(60)]
    return {
        "conversations": [[row, loss(i), 10, 20] for i, row in enumerate(ATTRIBUTES)],
        "replies": {"items": replies},
        "probes": {
            "intent": {"ideal": 1.0, "items": [[f"i{i}", float(i < right)] for i in range(45)]},
            "stereotypes": {"ideal": 0.5, "items": [[f"s{i}", float(i < stereotypical)] for i in range(120)]},
        },
    }


def better(share: float, seed: int = 0) -> Callable[[int], float]:
    """Losses that are lower by a share, give or take 3 nats."""
    noise = np.random.default_rng(seed).normal(0, 3, ROWS)
    return lambda i: 30 * (1 - share) + noise[i]


def gate(before: Evaluation, after: Evaluation, against_base: bool = False, **settings: Any) -> Outcome:
    config = Promote(**settings)
    return judge(pairs_of(before, after, ATTRIBUTES, config.min_items), config, "version 1", against_base)


def verdicts(outcome: Outcome) -> dict[str, str]:
    return {leg.name: leg.verdict for leg in outcome.legs}


def test_a_better_model_is_promoted_and_every_leg_is_told() -> None:
    found = gate(evaluation(), evaluation(better(0.05)))
    assert found.passed
    assert found.reason.startswith("Better than version 1 on loss (2.1640 to 2.0")
    assert "bits a byte over 120 conversations, +" in found.reason
    assert found.reason.endswith("No significant loss on 10 other legs.")
    assert verdicts(found) == {
        "loss": "gain",
        **dict.fromkeys(("rouge_l", "reply_length", "empty_replies", "looping_replies"), "no change"),
        **dict.fromkeys(("probe:intent", "probe:stereotypes"), "no change"),
        **dict.fromkeys(("source:left", "source:right", "topic:food", "topic:travel"), "gain"),
    }
    loss = found.legs[0]
    assert loss.before == pytest.approx(30 / 20 / math.log(2))
    assert loss.low is not None
    assert 0 < loss.low < 0.05 < (loss.high or 0)


def test_a_model_that_is_better_on_average_but_lost_a_skill_is_refused_and_the_skill_named() -> None:
    found = gate(evaluation(), evaluation(better(0.05), right=25))
    assert not found.passed
    assert found.reason.startswith(
        "Lost on probe:intent (0.8889 to 0.5556 accuracy over 45 items, -33.3 points, between -43.6 and -20.2). "
    )
    assert "Better on loss (2.1640 to 2." in found.reason
    assert [name for name, verdict in verdicts(found).items() if verdict == "loss"] == ["probe:intent"]


def test_a_model_that_is_better_on_average_but_lost_a_source_is_refused() -> None:
    by_source = better(0.2), better(-0.05)
    found = gate(evaluation(), evaluation(lambda i: by_source[i % 2](i)))
    assert not found.passed
    assert verdicts(found)["loss"] == "gain"
    assert "Lost on source:left (" in found.reason


def test_a_model_that_is_better_by_chance_is_refused() -> None:
    found = gate(evaluation(), evaluation(better(0.001, seed=4)))
    assert found.legs[0].gain is not None
    assert found.legs[0].gain > 0
    assert not found.passed
    assert found.reason.startswith("Not better by more than chance on loss (2.")


def test_a_worse_model_is_refused_and_so_is_one_that_gains_less_than_asked() -> None:
    assert gate(evaluation(), evaluation(better(-0.05))).reason.startswith("Worse on loss (")
    little = gate(evaluation(), evaluation(better(0.05)), min_improvement=0.5)
    assert not little.passed
    assert little.reason.startswith("Better by less than the 50.00% that are asked for, on loss (")


@pytest.mark.parametrize(
    ("after", "leg"),
    [
        ({"words": 3}, "reply_length"),
        ({"words": 18}, "reply_length"),
        ({"looping": 25}, "looping_replies"),
        ({"stereotypical": 90}, "probe:stereotypes"),
        ({"stereotypical": 30}, "probe:stereotypes"),
    ],
)
def test_replies_and_stereotypes_are_legs_like_the_others(after: dict[str, int], leg: str) -> None:
    found = gate(evaluation(), evaluation(better(0.05), **after))
    assert not found.passed
    assert [name for name, verdict in verdicts(found).items() if verdict == "loss"] == [leg]


def test_replies_may_be_shorter_or_longer_within_their_band_and_against_a_base_beyond_it() -> None:
    assert gate(evaluation(), evaluation(better(0.05), words=6)).passed
    assert not gate(evaluation(), evaluation(better(0.05), words=6), legs={"reply_length": {"tolerance": 0.2}}).passed
    found = gate(evaluation(), evaluation(better(0.05), words=3), against_base=True)
    assert found.passed
    assert verdicts(found)["reply_length"] == "loss"


def test_the_profile_says_what_is_asked_of_a_leg() -> None:
    forgot = evaluation(better(0.05), right=25)
    assert gate(evaluation(), forgot, legs={"probe:*": {"require": "ignore"}}).passed
    assert gate(evaluation(), forgot, legs={"probe:intent": {"tolerance": 0.4}}).passed
    exact_wins = {"probe:*": {"require": "ignore"}, "probe:intent": {"require": "no_loss"}}
    assert not gate(evaluation(), forgot, legs=exact_wins).passed

    learned = {"probe:intent": {"require": "gain"}}
    assert not gate(evaluation(), evaluation(better(0.05)), legs=learned).passed
    found = gate(evaluation(right=20), evaluation(better(0.05), right=40), legs=learned)
    assert found.passed
    assert " and probe:intent (0.4444 to 0.8889" in found.reason

    alike = gate(evaluation(), evaluation(), legs={"loss": {"require": "no_loss"}})
    assert alike.passed
    assert alike.reason == "Not worse than version 1. No significant loss on 11 other legs."


@pytest.mark.parametrize(
    "name", ["probes:intent", "probe:intend", "source:chatter", "topic:musik", "pro*:intent?", "los"]
)
def test_a_leg_that_nobody_knows_is_refused_with_the_known_ones(name: str) -> None:
    profile = load_profile("scratch", [f"promote.legs.{name}.require=ignore"])
    known = "legs are: loss, rouge_l, .*, probe:intent, .*, source:chitchat, source:chatterbot, topic:.*, topic:other"
    with pytest.raises(UserError, match=re.escape(f"promote.legs: no leg is called {name!r}; ") + known):
        STAGES["promote"].refuse(profile)


def test_legs_are_named_in_the_profile_by_name_or_by_pattern() -> None:
    names = ["loss", "probe:*", "source:chitchat", "topic:small talk", "*_replies"]
    profile = load_profile("scratch", [f"promote.legs.{name}={{require: ignore, tolerance: 0.2}}" for name in names])
    STAGES["promote"].refuse(profile)
    legs = ("loss", "probe:intent", "source:chitchat", "source:chatterbot", "empty_replies")
    rules = [profile.promote.rule(leg) for leg in legs]
    assert rules == [("ignore", 0.2), ("ignore", 0.2), ("ignore", 0.2), ("no_loss", 0.005), ("ignore", 0.2)]
    assert load_profile("scratch", ["promote.min_improvement=0.01"]).promote.rule("loss") == ("gain", 0.01)


def test_what_cannot_be_compared_says_why_and_is_no_gain() -> None:
    before = evaluation()
    before["missing"] = {"replies": "the evaluation of version 1 is gone"}
    before["probes"] = {"intent": {"items": before["probes"]["intent"]["items"][:20]}}
    found = gate(before, evaluation(better(0.05)))
    assert found.passed
    assert found.reason.endswith(
        "Not compared: rouge_l, reply_length, empty_replies and looping_replies (the evaluation of version 1 is gone); "
        "probe:intent (20 items in common, fewer than promote.min_items (30)); "
        "probe:stereotypes (the other model was not asked)."
    )
    assert {leg.verdict for leg in found.legs[1:7]} == {"not compared"}
    needed = gate(before, evaluation(better(0.05)), legs={"rouge_l": {"require": "gain"}})
    assert not needed.passed
    assert needed.reason.startswith("rouge_l must gain and cannot be compared: the evaluation of version 1 is gone.")


def test_items_in_common_are_compared_and_small_groups_are_no_legs() -> None:
    before, after = evaluation(), evaluation(better(0.05))
    before["conversations"] = before["conversations"][:70]
    found = gate(before, after)
    assert [(leg.name, leg.items) for leg in found.legs if leg.unit == "bits a byte"] == [
        ("loss", 70),
        ("source:left", 35),
        ("source:right", 35),
        ("topic:travel", 46),
    ]


def test_a_difference_too_small_to_matter_is_no_loss_however_certain() -> None:
    before, after = np.full(4_000, 30.0), np.full(4_000, 30.003)
    pairs = [Pair("source:left", "bits a byte", "conversations", less, before, after, 2.0, 2.0002)]
    (leg,) = judge(pairs, Promote(), "version 1").legs
    assert leg.p is not None
    assert leg.p < 0.001
    assert leg.verdict == "no change"
    (strict,) = judge(pairs, Promote(legs={"source:*": {"tolerance": 0}}), "version 1").legs  # type: ignore[dict-item]
    assert strict.verdict == "loss"


def leg_of(name: str, statistic: Statistic, before: np.ndarray, after: np.ndarray) -> Pair:
    return Pair(name, "", "items", statistic, before, after, float(before.mean()), float(after.mean()))


def twenty_legs_of_like_models(generator: np.random.Generator) -> list[Pair]:
    """Twelve probes of 45, two shares of 64, a length, a preference, four groups of 40; no true difference on any."""

    def answers(items: int, right: float, steady: float) -> tuple[np.ndarray, np.ndarray]:
        """The second model answers as the first, but where it answers anew."""
        first, second = (generator.random((2, items)) < right).astype(float)
        return first, np.where(generator.random(items) < steady, first, second)

    legs = [leg_of(f"probe:{i}", more, *answers(45, 0.75, 0.6)) for i in range(12)]
    legs += [leg_of(name, fewer, *answers(64, 0.1, 0.5)) for name in ("empty_replies", "looping_replies")]
    legs.append(leg_of("reply_length", change, *(generator.poisson(9, (2, 64)).astype(float))))
    legs.append(leg_of("probe:stereotypes", nearer_half, *answers(120, 0.65, 0.6)))
    for i in range(4):
        losses = generator.gamma(4, 10, 40)
        legs.append(leg_of(f"topic:{i}", less, losses, losses + generator.normal(0, 0.05, 40) * losses))
    return legs


def test_of_models_that_are_alike_no_more_are_refused_for_a_lost_leg_than_the_confidence_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """400 gates of 20 legs at 95%: 20 refusals are allowed on average, and 33 are three standard deviations more.

    With 2,000 draws instead of 20,000, which are as exact, and no bounds, which decide nothing here.
    """
    monkeypatch.setattr(paired, "FLIPS", 2_000)
    monkeypatch.setattr(paired, "RESAMPLES", 2)
    generator = np.random.default_rng(2)
    config = Promote(legs={"*": {"require": "no_loss", "tolerance": 0}})  # type: ignore[dict-item]
    refused = [
        outcome.reason
        for _ in range(400)
        if not (outcome := judge(twenty_legs_of_like_models(generator), config, "version 1")).passed
    ]
    assert 1 <= len(refused) <= 33, refused


@pytest.mark.parametrize(("items", "legs", "lost"), [(45, 1, 5), (45, 20, 9), (120, 20, 9), (45, 7, 8)])
def test_so_many_more_wrong_answers_are_a_loss_and_one_fewer_are_not(items: int, legs: int, lost: int) -> None:
    """Of a probe whose other answers stay as they are, among so many legs: docs/evaluation.md tells these numbers."""

    def passes(wrong: int) -> bool:
        after = np.array([0.0] * wrong + [1.0] * (items - wrong))
        alike = [leg_of(f"probe:{i}", more, np.ones(items), np.ones(items)) for i in range(legs - 1)]
        return judge([leg_of("probe:lost", more, np.ones(items), after), *alike], Promote(), "version 1").passed

    assert passes(lost - 1)
    assert not passes(lost)


def test_the_sentence_tells_the_figures_of_four_legs_and_names_the_rest() -> None:
    pairs = [leg_of(f"probe:{i}", more, np.ones(60), np.zeros(60)) for i in range(6)]
    reason = judge(pairs, Promote(), "version 1").reason
    assert reason.startswith("Lost on probe:0 (1.0000 to 0.0000  over 60 items, -100.0 points, between ")
    assert reason.count(" over 60 items") == 4
    assert reason.endswith("), probe:4 and probe:5.")
    many = [leg_of(f"topic:{i}", more, np.ones(60), np.zeros(60)) for i in range(200)]
    assert judge(many, Promote(), "version 1").reason.endswith(", topic:17, topic:18 and 181 more.")


def test_the_table_shows_what_promotion_json_holds() -> None:
    shown = table([asdict(leg) for leg in gate(evaluation(), evaluation(better(0.05), right=25)).legs])
    assert shown[0].split() == ["leg", "before", "after", "gain", "bounds", "worse", "|", "better", "verdict"]
    assert shown[1].startswith("loss")
    probe = next(line for line in shown if line.startswith("probe:intent"))
    assert probe.split()[:4] == ["probe:intent", "0.889", "0.556", "-33.3"]
    assert probe.endswith("loss")
    assert probe.index("●") < shown[1].index("●")
    assert table([]) == []


def test_a_leg_names_its_figures() -> None:
    leg = Leg("probe:intent", "accuracy", "items", 45, 0.8, 0.6, False, -0.2, -0.3, -0.1, 0.01, "no_loss", 0.01, "loss")
    assert (
        leg.words() == "probe:intent (0.8000 to 0.6000 accuracy over 45 items, -20.0 points, between -30.0 and -10.0)"
    )


def test_several_replies_of_a_conversation_are_one_item() -> None:
    before, after = evaluation(), evaluation(better(0.05))
    for side, gain in ((before, 0.0), (after, 0.2)):
        side["replies"] = {"items": [[f"{i % 40:03}", 10, 0, 0, 0.1 * (i // 40) + gain] for i in range(120)]}
    (leg,) = (leg for leg in pairs_of(before, after, ATTRIBUTES, 30) if leg.name == "rouge_l")
    assert (leg.what, len(leg.after_N)) == ("conversations", 40)
    assert (leg.before, leg.after) == (pytest.approx(0.1), pytest.approx(0.3))
