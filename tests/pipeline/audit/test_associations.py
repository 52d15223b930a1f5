"""How many conversations have a word, counted once and less each group's, on numbers that sets count as well."""

import numpy as np
import pytest

from pipeline.audit.associations import Others
from pipeline.audit.sample import Sample

WORDS, SOURCES = 6, 3


@pytest.fixture
def sample():
    """200 statements of 60 units, which may be of several sources; the third source is the group's alone."""
    draw = np.random.default_rng(5)
    of_W = np.sort(draw.integers(0, 200, 700))
    unit_N, source_N = draw.integers(0, 60, 200), draw.integers(0, SOURCES, 200)
    none, floats = np.zeros(200, np.int64), np.zeros(200)
    return Sample(
        row_ids=[], number_N=none, said_N=none, conversation_N=unit_N, cluster_N=unit_N, unit_N=unit_N,
        source_N=source_N, role_N=none, topic_N=none, length_N=none, persons_N=none, tone_NT=floats[:, None],
        place_N=draw.random(200), groups={"gender:female": np.flatnonzero((source_N == 2) | (draw.random(200) < 0.3))},
        acts={}, acted_on={}, word_W=draw.integers(0, WORDS, 700), of_W=of_W, vocabulary=[*"abcdef"],
        rates={"": 0.7, "gender:female": 1.0},
    )  # fmt: skip


@pytest.mark.parametrize("merged", [False, True])
def test_units_with_each_word_without_a_group_are_those_that_are_left(sample, merged):
    word_W = sample.word_W // 2 if merged else sample.word_W
    group = sample.groups["gender:female"]
    rest = np.flatnonzero(sample.rest_N)
    left = Others(sample, rest, word_W).without(group)
    stays = set(rest.tolist()) - set(group.tolist())
    assert stays
    assert set(group.tolist()) - set(rest.tolist())  # some of the group are not of the rest
    said = {(n, w) for n, w in zip(sample.of_W.tolist(), word_W.tolist(), strict=True) if n in stays}
    unit, source = sample.unit_N.tolist(), sample.source_N.tolist()
    assert left.rows == len({unit[n] for n in stays})
    assert left.rows_S.tolist() == [len({unit[n] for n in stays if source[n] == s}) for s in range(SOURCES)]
    assert left.rows_S[2] == 0
    assert left.rows_V.tolist() == [len({unit[n] for n, w in said if w == v}) for v in range(WORDS)]
    cells = zip(left.source_C.tolist(), left.word_C.tolist(), left.rows_C.tolist(), strict=True)
    for at, word, rows in cells:
        assert rows == len({unit[n] for n, w in said if w == word and source[n] == at})
