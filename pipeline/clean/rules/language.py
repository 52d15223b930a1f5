"""The conversation is in a language that `languages` does not list.

Evidence: `language` and `language_confidence`. A language that is known with less than `min_language_confidence`, or
not at all, stays; an empty list keeps all. After the language identification of Wenzek et al. 2020 (CCNet), who keep
a page whose language fastText gives 0.5 or more.
"""

from configs.clean import Rules
from pipeline.clean.rules.rule import Failed, Rule, Scored, is_in


def fails(scored: Scored, rules: Rules) -> Failed:
    if not rules.languages:
        return scored.none()
    sure = scored["language_confidence"] >= rules.min_language_confidence
    return sure & ~is_in(scored.array("language"), [*rules.languages, "und"])


RULE = Rule("language", evidence=("language", "language_confidence"), setting="languages", fails=fails)
