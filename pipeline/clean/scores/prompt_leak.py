"""Replies that hold what should have stayed behind the scenes: marks of a chat template, or the system prompt.

A model trained on them writes them. The marks are those of ChatML, Llama 2 and 3, Alpaca and Vicuna, as
their model cards give them, and the "\\n\\nHuman:" of transcripts that run on into the next turn.
"""

import re

from pipeline.clean.repair.code import CODE

CONTROL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end_of_text|begin_of_text|eot_id|start_header_id"
    r"|end_header_id|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|\A\s*<s>(?!.*</s>)|</s>\s*(?:<s>|\Z)|<(?:start|end)_of_turn>"
    r"|(?:\A|\n)[ ]*###? ?(?:Human|Assistant|Instruction|Response)\b[ ]?:",
    re.DOTALL,
)
"""Tokens of a template, and headings of Alpaca's and Vicuna's. "<s>x</s>" is HTML."""
NEXT_TURN = re.compile(r"\n[ \t]*(?:Human|User|Assistant): ?\S")
"""A transcript that runs on."""
SPEAKER = re.compile(r"\s*(?:\*\*|\[)?[A-Z][\w .'-]{0,30}(?:\*\*|\])?:")
ABOUT_TEMPLATES = re.compile(
    r"\b(?:tokens?|templates?|chatml|llama|alpaca|vicuna|mistral|special|delimiters?|fine-?tun\w+|prompts?|formats?|tokeniz\w+|tokenis\w+"
    r"|strike\w*|html|tags?)\b",
    re.IGNORECASE,
)
ABOUT_DIALOGUES = re.compile(
    r"\b(?:dialog(?:ue)?s?|conversations?|scripts?|transcripts?|role-?play\w*|chat(?:s|bots?| logs?)?|interviews?"
    r"|scenes?|skits?|plays?|screenplay|examples?|logs?|template|prompts?|story|debate|back and forth|user|human)\b",
    re.IGNORECASE,
)
"""What a prompt says that asks for such marks: about a template, for a dialogue."""
CUES = ("<|", "INST]", "SYS>>", "s>", "_turn>", "##", "man:", "ser:", "ant:")
"""The cheap test: every mark has one of them."""
LEAST_WORDS = 8
"""A shorter system prompt ("Be helpful.") may be said by chance."""


def leaks(reply: str, normal: str, system: str, prompt: str = "") -> bool:
    """Whether a reply leaks; a mark quoted as code does not, nor one that the prompt asks for.

    normal: the reply normalised. system: the system prompt normalised, "" for none. prompt: what it replies to.
    """
    if any(cue in reply for cue in CUES):
        prose = CODE.sub("", reply) if "`" in reply else reply
        if CONTROL.search(prose) and not ABOUT_TEMPLATES.search(prompt) and not CONTROL.search(prompt):
            return True
        if NEXT_TURN.search(prose) and not ABOUT_DIALOGUES.search(prompt) and not SPEAKER.match(prose):
            return True
    return system.count(" ") + 1 >= LEAST_WORDS and system in normal
