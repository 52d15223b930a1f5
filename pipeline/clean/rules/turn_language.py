"""A turn, by itself, is in a language that `languages` does not list.

Evidence: `turn_languages`. `turn_languages` of the profile says whether all turns count, replies only, or none; a
language that is known with less than `min_turn_confidence`, or not at all, stays. After Wenzek et al. 2020 (CCNet),
whose unit is the page.
"""

from configs.clean import Rules
from pipeline.clean.rules.rule import Failed, Rule, Scored, is_in


def fails(scored: Scored, rules: Rules) -> Failed:
    if rules.turn_languages == "ignore" or not rules.languages:
        return scored.none()
    turns = scored.array("turn_languages").flatten()
    found = ~is_in(turns.field("code"), [*rules.languages, "und"])
    found &= turns.field("confidence").to_numpy(zero_copy_only=False) >= rules.min_turn_confidence
    if rules.turn_languages == "replies":
        found &= is_in(scored.array("messages").flatten().field("role"), ["assistant"])
    return scored.any("turn_languages", found)


RULE = Rule("turn_language", evidence=("turn_languages",), setting="turn_languages", fails=fails)
