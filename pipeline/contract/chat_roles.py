"""What becomes of a conversation whose roles the chat template does not take: texts move, none is made up.

Gemma's template knows no system role, Mistral's wants user and assistant in turn, Zephyr's knows no tool. The least of
these changes with which a template says all that was said is the one that is made, by the roles alone: equal roles
are treated alike, in training and in chat.
"""

from collections.abc import Callable, Iterator
from itertools import product

Message = dict[str, object]
Messages = list[Message]
Change = Callable[[Messages], Messages]

BETWEEN = "\n\n"
"""Between two texts that become one message."""


def changes(messages: Messages) -> Iterator[tuple[str, Messages]]:
    """(what was changed, the messages), the lightest change first; nothing twice."""
    tried: list[Messages] = []
    for chosen in product(*STEPS):
        given, done = messages, []
        for step in filter(None, reversed(chosen)):
            if (changed := step(given)) != given:
                given = changed
                done.append(step.__name__)
        if given and given not in tried:
            tried.append(given)
            yield ", ".join(done), given


def tool_results_said_by_user(messages: Messages) -> Messages:
    """What a tool returned is text of the user's."""
    return [message | {"role": "user"} if message["role"] == "tool" else message for message in messages]


def later_system_texts_in_user(messages: Messages) -> Messages:
    """System texts but the first message stand before what the user says next."""
    return messages[:1] + system_texts_in_user(messages[1:])


def system_texts_in_user(messages: Messages) -> Messages:
    """System texts stand before what the user says next; one that no user follows is left out."""
    found: Messages = []
    waiting: list[object] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
        elif waiting and message["role"] == "user":
            found.append(message | {"content": BETWEEN.join(map(str, [*waiting, message["content"]]))})
            waiting = []
        else:
            found.append(message)
    return found


def neighbours_joined(messages: Messages) -> Messages:
    """What one says twice in a row is one message."""
    found: Messages = []
    for message in messages:
        if found and found[-1]["role"] == message["role"]:
            found[-1] = found[-1] | {"content": f"{found[-1]['content']}{BETWEEN}{message['content']}"}
        else:
            found.append(message)
    return found


def first_replies_left_out(messages: Messages) -> Messages:
    """Nothing is said before the user speaks, but by the system."""
    first = next((at for at, message in enumerate(messages) if message["role"] == "user"), len(messages))
    return [message for at, message in enumerate(messages) if at >= first or message["role"] == "system"]


STEPS: tuple[tuple[Change | None, ...], ...] = (
    (None, first_replies_left_out),
    (None, neighbours_joined),
    (None, later_system_texts_in_user, system_texts_in_user),
    (None, tool_results_said_by_user),
)
"""Choices, the ones that change most first; they are made from the last to the first."""
