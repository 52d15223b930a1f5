"""Texts that end a reply, found in what comes in pieces."""


class StopTexts:
    """stopped: whether one came. What may be the beginning of one is held back."""

    def __init__(self, stops: list[str]) -> None:
        self._stops, self._held, self.stopped = stops, "", False

    def feed(self, text: str) -> str:
        """What may go on, of what was held and what comes now; nothing from a stop on."""
        self._held += text
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            said, self._held = self._held[: min(found)], ""
            return said
        kept = max((_beginning(self._held, stop) for stop in self._stops), default=0)
        said, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return said

    def end(self) -> str:
        """What was held, when nothing more comes."""
        said, self._held = self._held, ""
        return said


def _beginning(text: str, stop: str) -> int:
    """Length of the longest end of the text that begins the stop."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
