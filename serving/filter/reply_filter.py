"""The filter of a reply, before it leaves: words that may be part of something wait until it is known.

Most words go out at once. One that may belong to personal data, an attack or a leak, and what follows it, waits until
its sentence has ended or `hold_back` characters follow, and is judged together with what came before. Known limitation:
an attack that shows itself as one only more than `hold_back` characters later has left by then.
"""

import re

from configs.clean import Pii
from configs.serving import Decision, Filter
from pipeline.clean.scores.offensive_features import SENTENCE
from serving.filter.findings import leaked, normalised, offensiveness, personal_data, secrets_of, values_of
from serving.filter.prompt_filter import Found, Message
from serving.filter.words import waits

REMOVED = "[removed]"
UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
"""What stands between white space, or a character of Chinese or Japanese."""
PENDING_WORDS = 2
"""The last ones wait always: what follows may make an address of them."""
LOOKS_BACK = 400
"""Characters that left before and are judged together with what is held."""
LEAK_WORDS = 4
"""So many words at the end that begin a secret are held until they go on otherwise."""


class ReplyFilter:
    """One reply. found: what was found so far. blocked: nothing more leaves."""

    def __init__(self, messages: list[Message], settings: Filter, pii: Pii) -> None:
        self.found: list[Found] = []
        self.blocked = False
        self._settings = settings
        self._types = list(pii.types) if settings.personal_data_out != "ignore" else []
        said = [message["content"] for message in messages if message["role"] != "assistant"]
        self._asked = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
        self._known = values_of(said, self._types)
        system = "\n".join(message["content"] for message in messages if message["role"] == "system")
        self._secrets = secrets_of(system) if settings.prompt_leak_out != "ignore" else []
        self._placeholders: dict[tuple[str, str], str] = {}
        self._left = self._held = ""
        self._dropping = False
        deciding = (settings.offensive_out, settings.personal_data_out, settings.prompt_leak_out)
        self._idle = all(decision == "ignore" for decision in deciding)

    def feed(self, text: str) -> str:
        """What may leave of what was held and what comes now."""
        if self.blocked or self._idle:
            return "" if self.blocked else text
        self._held += text
        if self._dropping:
            self._drop()
        return self._let_go(self._border())

    def end(self) -> str:
        """The rest, when nothing more comes."""
        said = ""
        while self._held and not (self.blocked or self._dropping):
            said += self._let_go(len(self._held), last=True)
        return said

    def _border(self) -> int:
        """Characters of what is held that can be judged now."""
        words = list(WORD.finditer(self._held))
        if len(words) <= PENDING_WORDS:
            return max(0, len(self._held) - 4 * self._settings.hold_back)  # one endless word
        border = words[-PENDING_WORDS].start()
        sentence = max((m.end() for m in SENTENCE.finditer(self._held) if m.end() <= border), default=0)
        ripe = max(len(self._held) - self._settings.hold_back, sentence)
        waiting = (n for n, word in enumerate(words) if word.start() >= ripe and waits(word.group()))
        first = next(waiting, None)
        if first is not None:  # the word before it waits too: it may be the name in "name (at) domain"
            border = min(border, words[max(first - 1, 0)].start())
        if self._secrets:
            border = min(border, self._secret(words))
        return border

    def _secret(self, words: list[re.Match[str]]) -> int:
        """Where the words at the end begin that begin a secret, or end it."""
        said = normalised(self._held).split()
        if len(said) == len(words):
            for first in range(len(said) - LEAK_WORDS + 1):
                ending = " ".join(said[first:])
                if any(secret.startswith(ending) for secret in self._secrets):
                    return words[first].start()
        return len(self._held)

    def _let_go(self, size: int, last: bool = False) -> str:
        """Judges what is known, and gives the first `size` characters of what is held, masked."""
        if not size:
            return ""
        going = self._held[:size].split()
        if not (last or any(map(waits, going)) or (self._secrets and len(going) >= LEAK_WORDS)):
            return self._pass_on(size, self._held[:size])
        before = self._left[-LOOKS_BACK:]
        known, settings = before + self._held, self._settings
        if settings.prompt_leak_out != "ignore" and leaked(
            self._left + self._held if last else known, self._secrets, self._asked
        ):
            self._decide("prompt_leak", settings.prompt_leak_out)
        if not self.blocked and settings.offensive_out != "ignore" and self._offends(known):
            self._decide("offensive", settings.offensive_out)
            if settings.offensive_out == "mask":
                return self._remove()
        if self.blocked:
            return ""
        return self._without_personal_data(known, len(before), size)

    def _offends(self, text: str) -> bool:
        return offensiveness(text, self._asked) >= self._settings.offensive_threshold

    def _without_personal_data(self, known: str, start: int, size: int) -> str:
        """The first `size` characters from `start` on, or fewer: none that more may follow of the same value."""
        found = [each for each in personal_data(known, self._types, self._known) if each[1] > start]
        across = [first for first, end, _ in found if first < start + size < end]
        size = max(min([size, *(first - start for first in across)]), 0)
        going = [each for each in found if each[1] <= start + size]
        if going:
            self._decide("personal_data", self._settings.personal_data_out)
            if self.blocked:
                return ""
        masked, done = [], start
        if self._settings.personal_data_out == "mask":
            for first, end, kind in going:
                masked += [known[done : max(first, done)], self._placeholder(kind, known[first:end])]
                done = end
        return self._pass_on(size, "".join([*masked, known[done : start + size]]))

    def _placeholder(self, kind: str, value: str) -> str:
        count = sum(other == kind for other, _ in self._placeholders)
        return self._placeholders.setdefault((kind, value.lower()), f"<{kind}_{count + 1}>")

    def _pass_on(self, size: int, text: str) -> str:
        self._left += self._held[:size]
        self._held = self._held[size:]
        return text

    def _remove(self) -> str:
        """Takes out the sentence of the first word that waited; what follows it is judged by itself."""
        first = next((word.start() for word in WORD.finditer(self._held) if waits(word.group())), 0)
        said = f"{self._held[:first]}{REMOVED} "
        self._left, self._held = "", self._held[first:]
        self._drop()
        return said

    def _drop(self) -> None:
        """Up to the end of the sentence."""
        end = SENTENCE.search(self._held)
        self._dropping = end is None
        self._held = self._held[end.end() :] if end else ""

    def _decide(self, kind: str, decision: Decision) -> None:
        self.found.append(Found(kind, decision))
        if decision == "block":
            self.blocked, self._held = True, ""
