"""What of a conversation fits the model's context, counted in its own tokens."""

from collections.abc import Callable

from serving.api_error import ApiError

Messages = list[dict[str, str]]

REMEMBERED_SHARE = 0.25
"""Of the budget, for what is remembered of the user: the conversation itself comes first."""

ABOUT = "About the user, from earlier conversations:"


def fitting(
    system: str | None, remembered: list[str], turns: Messages, count: Callable[[Messages], int], budget: int
) -> tuple[Messages, int]:
    """(messages of at most `budget` tokens, how many of the first turns were left out).

    System prompt and last turn are always there, then what is remembered (sentences, the weightiest first), then whole
    turns from the end, so that the first of them is the user's. Nothing is cut within.
    turns: alternating, the user's last. count: tokens of messages as the model gets them; grows with every message.
    Costs some log2(len(turns)) + len(remembered) counts. Raises ApiError 400 when system prompt and last turn do not
    fit.
    """
    asked = turns[-1:]
    least = count(_headed(system, []) + asked)
    if least > budget:
        raise ApiError(
            400,
            f"this message takes {least:,} tokens with the system prompt, and {budget:,} fit; send a shorter one",
            "context_length_exceeded",
            "messages",
        )
    taken: list[str] = []
    for sentence in remembered:
        more = count(_headed(system, [*taken, sentence]) + asked)
        if more <= budget and more - least <= REMEMBERED_SHARE * budget:
            taken.append(sentence)
    head = _headed(system, taken)
    starts = [at for at, turn in enumerate(turns) if turn["role"] == "user"]
    low, high = 0, len(starts) - 1
    while low < high:  # the earliest start whose turns all fit
        middle = (low + high) // 2
        if count(head + turns[starts[middle] :]) <= budget:
            high = middle
        else:
            low = middle + 1
    return head + turns[starts[low] :], starts[low]


def _headed(system: str | None, remembered: list[str]) -> Messages:
    parts = [system] if system else []
    if remembered:
        parts.append("\n".join([ABOUT, *(f"- {sentence}" for sentence in remembered)]))
    return [{"role": "system", "content": "\n\n".join(parts)}] if parts else []
