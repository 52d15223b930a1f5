"""Alpaca: instruction, optional input, output."""

from typing import Any

from pipeline.acquire.shapes import columns
from pipeline.acquire.shapes.layout import Layout, about, find

read = columns.read


def detect(records: list[Any]) -> Layout | None:
    """Records that have both instruction and output."""
    if find(records, "instruction") and find(records, "output"):
        return assume(records)
    return None


def assume(records: list[Any]) -> Layout:
    """instruction + input → output, under a system text when there is one."""
    instruction, given = find(records, "instruction") or "instruction", find(records, "input")
    reply, system = find(records, "output") or "output", find(records, "system", "system_prompt")
    prompt = (instruction,) if given is None else (instruction, given)
    return Layout("alpaca", prompt=prompt, reply=reply, system=system, **about(records, (*prompt, reply, system)))
