"""The conversation is in none of the languages that `languages` lists.

Evidence: `language` and `languages`, the shares of all languages that may be meant. Their mass decides: from the share
of the listed ones follow the odds that the text is in none of them, after PRIOR rows in a listed one for each in
another. Below `min_language_confidence` the row stays, as one whose language is unknown; so does a row whose likeliest
language is listed, however little is sure, and one in which the model hears a little of everything (TOLD), as in style
sheets, JSON, chords and emoji. An empty list keeps all.
After the language identification of Wenzek et al. 2020 (CCNet), who keep a page whose likeliest language fastText
gives 0.5 or more.
"""

import numpy as np

from configs.clean import Rules
from pipeline.clean.rules.rule import Failed, Rule, Scored, is_in

PRIOR = 10
"""Rows in a listed language for each in another that a corpus is thought to have, before its text is looked at."""
TOLD = 0.75
"""Least sum of the largest shares, of which there are up to eight, that tells a language: kin share it, noise does not
reach it."""


def fails(scored: Scored, rules: Rules) -> Failed:
    if not rules.languages:
        return scored.none()
    languages = scored.array("languages").flatten()
    listed = is_in(languages.field("code"), rules.languages)
    shares = languages.field("confidence").to_numpy(zero_copy_only=False)
    mass = np.minimum(scored.sum("languages", np.where(listed, shares, 0.0)), 1.0)
    other = (1 - mass) / (1 - mass + PRIOR * mass)
    told = scored.sum("languages", shares) >= TOLD
    return told & (other >= rules.min_language_confidence) & ~is_in(scored.array("language"), [*rules.languages, "und"])


RULE = Rule("language", evidence=("language", "languages"), setting="languages", fails=fails)
