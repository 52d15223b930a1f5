"""From the tokens of a document back to its messages, by what its chat template writes around each."""

from collections.abc import Callable

from pipeline.contract.chat_format import RefusedError
from pipeline.contract.chat_layout import Frame
from pipeline.contract.turns import Message, TurnEncoder

SHAPES = (("system", "user", "assistant"), ("user", "assistant", "tool", "assistant"))
"""Conversations in which every role has its place."""


class TurnReader:
    """Reads what a TurnEncoder wrote.

    Raises RefusedError for a template whose messages share a run of text, as Llama 2's do: tokens do not tell their
    borders.
    """

    def __init__(self, encoder: TurnEncoder, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        found = [layout for roles in SHAPES if (layout := encoder.frames(roles))]
        if not found:
            raise RefusedError("its messages share runs of text")
        self._openings = sorted((opening for opening, _ in found), key=len, reverse=True)
        frames = {role: frame for _, roles in reversed(found) for role, frame in roles.items()}
        self._frames = sorted(frames.items(), key=lambda each: -len(each[1].header))

    def read(self, tokens: list[int], learned: list[bool]) -> tuple[list[Message], bool]:
        """The messages {role, content, learned} of a document, and whether the last of them is cut before its end.

        Raises RefusedError for tokens that are no turns.
        """
        at = next((len(opening) for opening in self._openings if tokens[: len(opening)] == opening), 0)
        messages: list[Message] = []
        cut = False
        while at < len(tokens):
            role, frame = self._begun(tokens, at)
            start = at + len(frame.header)
            stop = _place_of(frame.end, tokens, start)
            messages.append(
                {"role": role, "content": self._decode(tokens[start:stop]), "learned": any(learned[start:stop])}
            )
            cut = stop == len(tokens)
            at = stop + len(frame.end)
            at += len(frame.gap) if tokens[at : at + len(frame.gap)] == frame.gap else 0
        return messages, cut

    def _begun(self, tokens: list[int], at: int) -> tuple[str, Frame]:
        for role, frame in self._frames:
            if tokens[at : at + len(frame.header)] == frame.header:
                return role, frame
        raise RefusedError("there are tokens between its messages")


def _place_of(part: list[int], tokens: list[int], start: int) -> int:
    """Where a part stands in tokens from `start` on; their end when it does not."""
    return next((at for at in range(start, len(tokens)) if tokens[at : at + len(part)] == part), len(tokens))
