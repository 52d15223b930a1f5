"""The legs of the gate as a person reads them; the log, the model card and the run report say the same."""

from typing import Any

from pipeline.contract.formatting import NONE, number

HEAD = ("leg", "before", "after", "gain", "bounds", "verdict")


def cells(leg: dict[str, Any]) -> tuple[str, ...]:
    """A leg of promotion.json as the cells under HEAD. A gain is in percent of the figure before, or in points of a
    hundred; of a length, the rise."""
    digits = 1 if leg["unit"] == "words" else 3
    figures = [number(leg[key], digits) for key in ("before", "after")]
    ignored = " (ignored)" if leg["require"] == "ignore" else ""
    if leg["gain"] is None:
        return (leg["name"], *figures, NONE, NONE, leg["verdict"] + ignored)
    unit = "%" if leg["relative"] else " pt"
    gain, low, high = (f"{100 * leg[key]:+.1f}" for key in ("gain", "low", "high"))
    return (leg["name"], *figures, f"{gain}{unit}", f"{low} to {high}", leg["verdict"] + ignored)


def table(legs: list[dict[str, Any]]) -> list[str]:
    """Lines of a table for a terminal; none without legs."""
    if not legs:
        return []
    rows = [HEAD, *map(cells, legs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if column in (0, len(HEAD) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
