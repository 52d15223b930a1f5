"""Personal data outside the turns: in metadata, and in what names a user or a conversation."""

import hashlib
from collections.abc import Mapping, Sequence

from pipeline.clean.privacy.pii import find_pii, name_may_hold_pii

HASH_DIGITS = 32


def pseudonym(name: str | None, types: Sequence[str]) -> str | None:
    """A user's or a conversation's name as it is, or its hash when it holds personal data (an e-mail address, …).

    sha256 of the name in small letters, 32 hex digits after "id-": one person keeps one name in all sources, which
    deletion requests need. Whoever knows an address can work out its hash: a pseudonym, not anonymity.
    """
    if not name or not name_may_hold_pii(name) or not find_pii(name, types):
        return name
    digest = hashlib.sha256(name.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()
    return f"id-{digest[:HASH_DIGITS]}"


def mask_metadata(metadata: Mapping[str, str | None], types: Sequence[str]) -> dict[str, str | None]:
    """The values with <EMAIL> and the like in place of personal data; keys stay."""
    return {key: value and _masked(value, types) for key, value in metadata.items()}


def _masked(value: str, types: Sequence[str]) -> str:
    written, done = [], 0
    for start, end, kind in find_pii(value, types):
        written += [value[done:start], f"<{kind}>"]
        done = end
    return "".join([*written, value[done:]])
