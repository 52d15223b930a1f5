"""Counterfactual copies: a row's conversation, true and readable, with one attribute of the people in it another."""

from typing import Any

from configs.balance import Attribute
from pipeline.balance import gender_swap, group_swap
from pipeline.balance.refusal import Refusal
from pipeline.rows.row_id import row_id
from pipeline.rows.text_hash import text_hash
from pipeline.rows.turns import Turn

PREFIX = "counterfactual_"
"""Of the augmentation that marks a copy: counterfactual_gender, counterfactual_religion and so on."""

DRAWN = "counterfactual/"
"""With the row_id, what the draw of rows to be copied follows from."""


def swap(turns: list[Turn], attribute: Attribute) -> list[Turn] | Refusal | None:
    """The turns with the attribute swapped; None when they do not speak of it; or why they are left alone."""
    if attribute == "gender":
        return gender_swap.swap_gender(turns)
    return group_swap.swap_group(turns, attribute)


def may_swap(turns: list[Turn], attribute: Attribute) -> bool:
    """False where it is soon known that swap swaps nothing."""
    return gender_swap.may_swap(turns) if attribute == "gender" else group_swap.may_swap(turns, attribute)


def copies(row: dict[str, Any], attributes: list[Attribute]) -> list[dict[str, Any]]:
    """The copies that a row may have, one for each attribute at most, in the row's columns.

    A copy keeps its parent's origin, conversation, user, cluster, topic and scores; the spans of personal data lay in
    the parent's text and are left out. None of a row that is known to be in another language than English.
    """
    if (row.get("language") or "en") != "en":
        return []
    turns = [(m["role"], m["content"] or "") for m in row["messages"]]
    worth = [attribute for attribute in attributes if may_swap(turns, attribute)]
    found = [(attribute, swap(turns, attribute)) for attribute in worth]
    return [_copy(row, attribute, swapped) for attribute, swapped in found if isinstance(swapped, list)]


def _copy(row: dict[str, Any], attribute: Attribute, turns: list[Turn]) -> dict[str, Any]:
    lengths = [len(content) for role, content in turns if role == "assistant"]
    of = "counterfactual" if attribute == "gender" else f"counterfactual/{attribute}"
    changed = {
        "row_id": row_id(row["source"], f"{of}/{row['row_id']}", 0, turns),
        "messages": [{"role": role, "content": content} for role, content in turns],
        "chars": sum(len(content) for _, content in turns),
        "reply_chars": min(lengths, default=0),
        "assistant_chars": sum(lengths),
        "text_hash": text_hash(turns),
        "pii": None,
        "augmentation": PREFIX + attribute,
        "parent": row["row_id"],
    }
    return {**row, **{name: value for name, value in changed.items() if name in row}}
