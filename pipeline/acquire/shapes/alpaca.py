"""Alpaca: instruction, optional input, output; earlier exchanges under history."""

from typing import Any

from pipeline.acquire.shapes import columns
from pipeline.acquire.shapes.layout import Layout, about, find_system
from pipeline.acquire.shapes.names import find, names, plain

read = columns.read


def detect(records: list[Any]) -> Layout | None:
    """Records that have both instruction and output."""
    there = names(records)
    return arrange(there, None) if find(there, "instruction") and find(there, "output") else None


def arrange(there: list[str], found: Layout | None) -> Layout:  # noqa: ARG001
    """instruction + input → output, after a context and under a system text where there are any."""
    instruction, given = find(there, "instruction") or "instruction", find(there, "input")
    reply, system = find(there, "output") or "output", find_system(there)
    prompt = (instruction,) if given is None else (instruction, given)
    contexts = tuple(c for c in there if plain(c) in columns.CONTEXT)
    prompt = (*contexts, *prompt)
    beside = columns.with_choices(about(there, (*prompt, reply, system)), there)
    return Layout("alpaca", prompt=prompt, reply=reply, optional=contexts, system=system, **beside)
