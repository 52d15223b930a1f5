"""A turn, by itself, is in a language that `languages` does not list.

Evidence: `turn_languages`. `turn_languages` of the profile says whether all turns count, replies only, or none; what a
tool returns and replies that are not learned never do. A language that is known with less than `min_turn_confidence`,
or not at all, stays. After Wenzek et al. 2020 (CCNet), whose unit is the page.
"""

from configs.clean import Rules
from pipeline.clean.rules.rule import Failed, Rule, Scored, is_in
from pipeline.rows.learned import context_turns


def fails(scored: Scored, rules: Rules) -> Failed:
    if rules.turn_languages == "ignore" or not rules.languages:
        return scored.none()
    turns = scored.array("turn_languages").flatten()
    found = ~is_in(turns.field("code"), [*rules.languages, "und"])
    found &= turns.field("confidence").to_numpy(zero_copy_only=False) >= rules.min_turn_confidence
    roles = scored.array("messages").flatten().field("role")
    found &= is_in(roles, ["assistant"]) if rules.turn_languages == "replies" else ~is_in(roles, ["tool"])
    if context := context_turns(scored.array("metadata")):
        starts = scored.starts("turn_languages")
        found[[starts[row] + turn for row, its in context.items() for turn in its]] = False
    return scored.any("turn_languages", found)


RULE = Rule("turn_language", evidence=("turn_languages",), setting="turn_languages", fails=fails)
