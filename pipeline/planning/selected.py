"""What is left of the training rows by selection, as far as its size is known before anything is read."""

from configs.profile import Profile


def most_rows(profile: Profile, tokens_a_row: float) -> tuple[float | None, float | None]:
    """Most training rows after balance, and most that are packed; None where nothing is known to limit them."""
    given = profile.balance.selection
    balanced = None
    if given.method != "none":
        balanced = float(given.rows) if given.rows else (given.tokens or 0) / tokens_a_row
    nearest = profile.tokenise.select.nearest.rows
    return balanced, float(nearest) if nearest else None


def note(profile: Profile) -> str:
    """What was reckoned with, and what nobody knows before; empty where nothing is selected."""
    balance, select = profile.balance, profile.tokenise.select
    reckoned = {
        "balance.selection": balance.selection.method != "none",
        "tokenise.select.nearest.rows": select.nearest.rows is not None,
    }
    unknown = {
        "balance.semantic_duplicates": balance.semantic_duplicates.min_similarity is not None,
        "balance.decontamination": balance.decontamination.min_similarity is not None,
        "tokenise.select": select.on and select.nearest.rows is None,
    }
    known = [f"limited by {key}" for key, on in reckoned.items() if on]
    return "; ".join([*known, *(f"what {key} leaves out is not known before" for key, on in unknown.items() if on)])
