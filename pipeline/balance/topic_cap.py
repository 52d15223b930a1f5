"""How many rows of each topic stay, so that none is above its share."""

from fractions import Fraction

from configs.audit import OTHER_TOPIC


def rows_to_keep(counts: dict[str, int], share: float) -> dict[str, int] | None:
    """Topic to rows kept, of the topics that must shrink; None when no rows could meet the share.

    The most rows are kept for which every topic has at most `share` of all that is kept; `other`, what no topic
    describes, is none.
    Capped topics end equal: with m of them and R rows in the others, L rows each fulfil
    L <= share (R + m L), so L = floor(share R / (1 - share m)). A lower total may push another topic
    over the share; then it is capped too. Without `other`, 1 / share topics or more are needed.
    """
    limit = Fraction(str(share))
    capped: set[str] = set()
    while True:
        rest = sum(n for topic, n in counts.items() if topic not in capped)
        room = 1 - limit * len(capped)
        level = int(limit * rest / room) if room > 0 else min(counts[topic] for topic in capped)
        total = rest + level * len(capped)
        over = {t for t, n in counts.items() if t not in capped and t != OTHER_TOPIC and n > limit * total}
        if not over:
            break
        capped |= over
    if capped and level == 0:
        return None
    return dict.fromkeys(sorted(capped), level)
