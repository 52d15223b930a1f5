"""Why a record, or a whole file, is put in quarantine."""

from configs.acquire import FORMATS

RULES = {
    "bad_csv": "a row that the CSV parser refuses",
    "bad_json": "text that is not JSON",
    "bad_yaml": "text that is not YAML",
    "empty_file": "a file without a record",
    "erased": "somebody who asked to be erased said it (parlance erase)",
    "invalid_utf8": "text that is not valid UTF-8",
    "missing_columns": "none of the columns that hold the prompt or the conversation is there",
    "missing_part": "an exchange that rests on what is not text, as an image",
    "no_header": "a table whose first line is a record and not the names of its columns",
    "no_prompt": "no user turn before an assistant turn",
    "no_reply": "no assistant turn",
    "no_transcript": "a text in which no speakers are marked",
    "no_winner": "two replies of which none is said to be the better one",
    "not_learned": "a conversation of which no reply may be learned",
    "nul_character": "a text with a NUL character",
    "ragged_row": "a row with more or fewer fields than the header",
    "rejected": "a reply that people marked as bad",
    "too_large": "a record above the size limit",
    "truncated": "the file ends early; what came before is kept, this stands for the rest",
    "unknown_format": f"a file that is not {FORMATS}",
    "unknown_role": "speakers that are neither user nor assistant, and not two",
    "unknown_shape": "records in which no conversation was recognised",
    "unreadable_file": "a file, or a part of one, that cannot be read",
    "wrong_type": "a value of a type that cannot hold what it should",
}
"""Every rule that acquire drops by, and what it means."""

MAX_RECORD_BYTES = 16 << 20
"""Largest record that is parsed; keeps memory bounded."""


class Malformed(Exception):
    """A record that cannot become a conversation. `detail` never quotes the record's text."""

    def __init__(self, rule: str, detail: str) -> None:
        assert rule in RULES, rule
        self.rule, self.detail = rule, printable(detail)
        super().__init__(f"{rule}: {self.detail}")

    def __reduce__(self) -> tuple[type["Malformed"], tuple[str, str]]:
        return Malformed, (self.rule, self.detail)


def printable(text: str) -> str:
    """A name as text that any file can hold: bytes that are not UTF-8, and halves of surrogates, are spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()
