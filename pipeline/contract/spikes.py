"""Batches of a training whose loss was a spike or not a number, as they lie in the run's folder."""

from pathlib import Path

from pydantic import BaseModel


class Spike(BaseModel):
    """One batch. loss: nats a token or pair; None when it was not a number. rows: row ids of all that was in it.

    why: what the loss was, in words. action: kept, stopped, left out or rolled back.
    """

    step: int
    loss: float | None
    why: str
    action: str
    rows: list[str]


def spikes_of(folder: Path) -> Path:
    """The file, one JSON object a line; folder: the run's."""
    return folder / "spikes.jsonl"


def read_spikes(folder: Path) -> dict[int, Spike]:
    """Step to the last that was told of it; steps that were repeated are told of again."""
    path = spikes_of(folder)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {spike.step: spike for spike in map(Spike.model_validate_json, lines)}
