"""Replies that hold what should have stayed behind the scenes: marks of a chat template, or the system prompt.

A model trained on them writes them. The marks are those of ChatML, Llama 2 and 3, Alpaca and Vicuna, as
their model cards give them, and the "\\n\\nHuman:" of transcripts that run on into the next turn, on a line of its
own or right after a sentence.
"""

import re

from pipeline.clean.repair.code import CODE

CONTROL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end_of_text|begin_of_text|eot_id|start_header_id"
    r"|end_header_id|end)\|>"
    r"|\[/?INST\]|<</?SYS>>|\A\s*<s>(?!.*</s>)|\A(?:(?!<s>).)*</s>\s*(?:<s>|\Z)|<(?:start|end)_of_turn>"
    r"|(?:\A|\n)[ ]*###? ?(?:Human|Assistant|Instruction|Response)\b[ ]?:",
    re.DOTALL,
)
"""Tokens of a template, and headings of Alpaca's and Vicuna's. "<s>x</s>" is HTML, or a sentence of SSML."""
NEXT_TURN = re.compile(r"\n[ \t]*(?:Human|User|Assistant): ?\S")
"""A transcript that runs on."""
NEXT_TURN_INLINE = re.compile(
    r"(?<=[^\s\d][.!?])[\"')\]]{0,2}[ \t]+"
    r"(?:Human:[ \t]+(?!Fall Flat\b)\S|(?:User|Assistant):[ \t]+[A-Z](?:[^\s:]*[ ]){3}"
    r"|###? ?(?:Human|Assistant|Instruction|Response) ?:)"
)
"""The same after a sentence, amid a line. "User:" is a field's name as well: what somebody says has three words and
starts with a capital. Human: Fall Flat is a game."""
LABEL_INLINE = re.compile(r"[.!?;,][ \t]+(?!(?:Human|User|Assistant):)[A-Z][a-z]+:[ \t]")
"""Another label amid a line, as in "User: admin, Password: x" or "Human: Homo sapiens. Dog: Canis familiaris"."""
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
        if _runs_on(prose) and not ABOUT_DIALOGUES.search(prompt):
            return True
    return system.count(" ") + 1 >= LEAST_WORDS and system in normal


def _runs_on(prose: str) -> bool:
    """Whether another's turn follows. A reply that begins with a speaker is a dialogue."""
    speaker = SPEAKER.match(prose)
    if NEXT_TURN.search(prose):
        return speaker is None
    turn = NEXT_TURN_INLINE.search(prose)
    if turn is None or LABEL_INLINE.search(prose):
        return False
    return speaker is None or speaker.end() > turn.start()
