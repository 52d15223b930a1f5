"""Runs side by side as one self-contained page: no script, no outside resource, every value escaped."""

import json
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from pipeline.report.loss_plot import compared_losses
from pipeline.report.page import ENVIRONMENT

LONGEST_SETTING = 200


def render_comparison(
    compared: dict[str, Any] | None, choices: list[dict[str, Any]] | None = None, error: str = ""
) -> str:
    """The HTML of a comparison (see pipeline.report.comparison).

    choices: runs to choose from, where the page is served: {value, state, champion, at (ISO 8601), chosen}.
    """
    curves = _curves(compared["curves"]) if compared else None
    return ENVIRONMENT.get_template("compare.html.j2").render(c=compared, choices=choices, error=error, curves=curves)


def _curves(each: list[dict[str, Any] | None]) -> Markup | None:
    """Losses by optimiser step; by tokens where the runs' steps are of different size."""
    there = [curves for curves in each if curves]
    if not any(curves["train_loss"] or curves["validation_loss"] for curves in there):
        return None
    alike = len({curves["batch_tokens"] for curves in there}) == 1
    drawn = tuple(curves and _losses(curves, 1 if alike else curves["batch_tokens"] / 1e6) for curves in each)
    return _plot(drawn, "optimiser step" if alike else "million tokens")


Curve = tuple[tuple[float, float | None], ...]


def _losses(curves: dict[str, Any], scale: float) -> tuple[Curve, Curve]:
    train, validation = (
        tuple((step * scale, loss) for step, loss in curves[name]) for name in ("train_loss", "validation_loss")
    )
    return train, validation


@lru_cache(maxsize=32)  # the same runs are looked at again and again, and drawing takes longer than all else
def _plot(drawn: tuple[tuple[Curve, Curve] | None, ...], label: str) -> Markup:
    return Markup(compared_losses(drawn, label))  # drawn from numbers alone


def setting(value: Any) -> str:
    """A setting as a profile would say it, in one line."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SETTING else text[:LONGEST_SETTING] + "…"


ENVIRONMENT.filters["setting"] = setting
