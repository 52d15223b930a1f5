"""Figures as a person reads them: counts, shares, sizes, times."""

import math
from datetime import datetime
from typing import Any

NONE = "–"


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
    """4.0 M, 3.2 B."""
    if not _known(value):
        return NONE
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f}"


def duration(seconds: Any) -> str:
    """0.4 s, 12 s, 9 min 12 s, 3 h 04 min."""
    if not _known(seconds):
        return NONE
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count_: Any) -> str:
    """Bytes in the unit that suits."""
    if not _known(count_):
        return NONE
    value = float(count_)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def moment(text: Any) -> str:
    """An ISO 8601 time as 21 Nov 2026, 20:11 UTC."""
    if not isinstance(text, str):
        return NONE
    return datetime.fromisoformat(text).strftime("%-d %b %Y, %H:%M %Z")


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
