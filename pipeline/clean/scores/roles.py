"""Who speaks when: what is odd about the order of the turns."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

RoleFault = Literal["assistant_first", "same_role_twice", "system_later", "no_user", "unanswered"]
ROLE_FAULTS: tuple[str, ...] = get_args(RoleFault)


def role_faults(roles: Sequence[str]) -> list[str]:
    """What is odd, in the order of ROLE_FAULTS.

    assistant_first: the assistant speaks before any user. same_role_twice: two turns of one role in a row.
    system_later: a system turn after the first. no_user: no user at all. unanswered: a user has the last word.
    """
    if list(roles) == ["user", "assistant"]:
        return []
    spoken = [role for role in roles if role != "system"]
    found = {
        "assistant_first": spoken[:1] == ["assistant"],
        "same_role_twice": any(a == b for a, b in pairwise(spoken)),
        "system_later": "system" in roles[1:],
        "no_user": "user" not in spoken,
        "unanswered": spoken[-1:] == ["user"],
    }
    return [fault for fault in ROLE_FAULTS if found[fault]]
