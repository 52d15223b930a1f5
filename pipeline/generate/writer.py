"""What writes texts for the generator: weights on this machine, or a server."""

from dataclasses import dataclass
from typing import Protocol

from pipeline.generate.prompt import Prompt


@dataclass(frozen=True)
class Text:
    """content: what follows the examples. ended: whether the model stopped by itself."""

    content: str
    ended: bool


class Writer(Protocol):
    def write(self, prompts: list[Prompt], seed: int) -> list[Text]:
        """A text for each prompt; the same seed writes the same, as far as the model can."""
