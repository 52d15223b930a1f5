"""Of how many conversations one gives a sentence that mentions nobody."""

import pytest

from pipeline.audit.annotation import MOST_OTHERS, others_share


@pytest.mark.parametrize(("millions", "share"), [(0, 1), (0.4, 1), (1, 1), (1.1, 2), (2, 2), (2.1, 4), (200, 256)])
def test_the_share_is_a_power_of_two_and_leaves_few_enough(millions: float, share: int) -> None:
    rows = int(millions * 1_000_000)
    assert others_share(rows) == share
    assert rows / share <= MOST_OTHERS


def test_growth_seldom_changes_it() -> None:
    """Whenever it changes, all texts are annotated anew."""
    weeks = [others_share(100_000_000 + 1_000_000 * week) for week in range(100)]
    assert len(set(weeks)) == 2
