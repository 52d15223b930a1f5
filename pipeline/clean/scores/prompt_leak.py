"""Replies that hold what should have stayed behind the scenes: marks of a chat template, or the system prompt.

A model trained on them writes them. The marks are those of ChatML, Llama 2 and 3, Alpaca and Vicuna, as
their model cards give them, and the "\\n\\nHuman:" of transcripts that run on into the next turn.
"""

import re

from pipeline.clean.repair.code import CODE

NAMES = "Human|User|Assistant|System|AI|Bot|Instruction|Response|Input"
MARKS = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end_of_text|begin_of_text|eot_id|start_header_id"
    r"|end_header_id|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|(?:\A|\s)</?s>(?:\s|\Z)|<(?:start|end)_of_turn>"
    rf"|(?:\A|\n)[ ]*###? ?(?:{NAMES})\b[ ]?:|\n[ ]*(?:Human|User|Assistant|System): "
)
CUES = ("<|", "INST]", "SYS>>", "s>", "_turn>", "##", "an: ", "er: ", "nt: ", "em: ")
"""The cheap test: every mark has one of them."""
LEAST_WORDS = 8
"""A shorter system prompt ("Be helpful.") may be said by chance."""


def leaks(reply: str, normal: str, system: str) -> bool:
    """Whether a reply leaks; a mark quoted as code does not.

    normal: the reply normalised. system: the system prompt normalised, "" when there is none.
    """
    if any(cue in reply for cue in CUES) and MARKS.search(reply):
        return "`" not in reply or MARKS.search(CODE.sub("", reply)) is not None
    return system.count(" ") + 1 >= LEAST_WORDS and system in normal
