"""How the pictures of the audit look. Equal numbers give equal bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, QUIET, BLUE, ORANGE = "#222222", "#777777", "#0072B2", "#D55E00"  # of Okabe and Ito's colour-blind safe palette
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "parlance",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # the names of topics and sources are text, also with dollars
}


def save(pictures: dict[str, Callable[[], Figure]], folder: Path) -> None:
    """Writes NAME.svg of each."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, picture in pictures.items():
            picture().savefig(
                folder / f"{name}.svg", format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None}
            )
