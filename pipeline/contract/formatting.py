"""Figures as a person reads them: counts, shares, sizes, times."""

import math
from datetime import datetime
from typing import Any

NONE = "–"
MINUTE, HOUR, DAY = 60, 3_600, 86_400
LEAST_OF_FOUR_DIGITS = 999.5


def count(value: Any) -> str:
    """12,345."""
    return f"{value:,.0f}" if _known(value) else NONE


def number(value: Any, digits: int = 3) -> str:
    """A number with a fixed number of decimals."""
    return f"{value:,.{digits}f}" if _known(value) else NONE


def percent(value: Any, digits: int = 1) -> str:
    """A share as percent; what would round to nothing, but is not, says so."""
    if not _known(value):
        return NONE
    least = 10.0**-digits
    return f"<{least:.{digits}f}%" if 0 < 100 * value < least / 2 else f"{100 * value:.{digits}f}%"


def magnitude(value: Any) -> str:
    """0.5, 12,345, 1.02 M, 12.8 B: what is estimated, or too large to be read digit by digit."""
    if not _known(value):
        return NONE
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if value >= unit:
            return f"{_three_digits(value / unit)} {letter}"
    return _three_digits(value)


def duration(seconds: Any) -> str:
    """0 s, 0.01 s, 0.4 s, 12 s, 9 min 12 s, 3 h 04 min, 8.35 days."""
    if not _known(seconds):
        return NONE
    if seconds < 9.95:
        return f"{seconds:.{0 if seconds == 0 else 2 if seconds < 0.05 else 1}f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < 2 * DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{_three_digits(seconds / DAY)} days"


def size(count_: Any) -> str:
    """Bytes in the unit that suits, powers of 1,000: 5 B, 97.3 GB, 1,234 TB."""
    if not _known(count_):
        return NONE
    value = float(count_)
    for unit in ("B", "kB", "MB", "GB"):
        if value < LEAST_OF_FOUR_DIGITS:
            return f"{_three_digits(value)} {unit}"
        value /= 1000
    return f"{_three_digits(value)} TB"


def moment(text: Any) -> str:
    """An ISO 8601 time as 21 Nov 2026, 20:11 UTC."""
    if not isinstance(text, str):
        return NONE
    return datetime.fromisoformat(text).strftime("%-d %b %Y, %H:%M %Z")


def _three_digits(value: float) -> str:
    """0.05, 1.5, 12, 97.3, 412, and all digits of what has more."""
    return f"{value:.3g}" if value < LEAST_OF_FOUR_DIGITS else f"{value:,.0f}"


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
