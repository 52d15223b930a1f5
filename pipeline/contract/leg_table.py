"""The legs of the gate as a person reads them; the log, the model card and the run report say the same."""

import math
from typing import Any

from pipeline.contract.formatting import NONE, number

HEAD = ("leg", "before", "after", "gain", "bounds", "worse | better", "verdict")
HALF = 10
"""Characters on either side of the zero in a picture."""


def cells(leg: dict[str, Any], widest: float) -> tuple[str, ...]:
    """A leg of promotion.json as the cells under HEAD. A gain is in percent of the figure before, or in points of a
    hundred; of a length, the rise. widest: what `widest_bound` says of all legs that are shown."""
    digits = 1 if leg["unit"] == "words" else 3
    figures = [number(leg[key], digits) for key in ("before", "after")]
    verdict = leg["verdict"] + (" (ignored)" if leg["require"] == "ignore" else "")
    if leg["gain"] is None:
        return (leg["name"], *figures, NONE, NONE, "", verdict)
    return (leg["name"], *figures, gain(leg), bounds(leg), picture(leg, widest), verdict)


def gain(leg: dict[str, Any]) -> str:
    """+2.8% or -1.5 pt; a dash for a leg that was not compared."""
    return NONE if leg["gain"] is None else f"{100 * leg['gain']:+.1f}{'%' if leg['relative'] else ' pt'}"


def bounds(leg: dict[str, Any]) -> str:
    """+1.3 to +4.2; a dash for a leg that was not compared."""
    return NONE if leg["gain"] is None else f"{100 * leg['low']:+.1f} to {100 * leg['high']:+.1f}"


def widest_bound(legs: list[dict[str, Any]]) -> float:
    """The bound that is farthest from zero, to which pictures of the legs reach; never 0."""
    return max((abs(leg[key]) for leg in legs for key in ("low", "high") if leg["gain"] is not None), default=0) or 1.0


def place(value: float, widest: float) -> float:
    """Where a gain stands between -1 and 1: by its square root, so that a small one is seen beside a large one."""
    return math.copysign(math.sqrt(min(1.0, abs(value) / widest)), value)


def picture(leg: dict[str, Any], widest: float) -> str:
    """The bounds as a line of characters, with a dot at the gain and a bar at zero."""
    low, at, high = (HALF + round(HALF * place(leg[key], widest)) for key in ("low", "gain", "high"))
    marks = ["─" if low <= i <= high else " " for i in range(2 * HALF + 1)]
    marks[HALF] = "┼" if low <= HALF <= high else "│"
    marks[at] = "●"
    return "".join(marks)


def table(legs: list[dict[str, Any]]) -> list[str]:
    """Lines of a table for a terminal; none without legs."""
    if not legs:
        return []
    rows = [HEAD, *(cells(leg, widest_bound(legs)) for leg in legs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    sides = (str.ljust, str.rjust, str.rjust, str.rjust, str.rjust, str.center, str.ljust)
    return [
        "  ".join(side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)).rstrip()
        for row in rows
    ]
