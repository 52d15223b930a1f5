"""Words of any script, for metrics that count them."""

from collections.abc import Iterable

import regex

UNSPACED = "".join(
    rf"\p{{{script}}}"
    for script in (
        *("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese"),
        *("Balinese", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom", "Cham", "Phags_Pa"),
    )
)
"""Scripts that put no space between words (Unicode Standard Annex 29, section 4, and Annex 14, classes ID and SA; of
Tibetan, Javanese, Balinese and their kin the standard's chapters 13, 16 and 17): a character counts as a word."""

_WORD = regex.compile(rf"[{UNSPACED}]\p{{M}}*|(?:(?![{UNSPACED}])[\p{{L}}\p{{M}}\p{{N}}])+")
_LETTER = regex.compile(r"\p{L}")
_HAN = regex.compile(r"\p{Han}")
_OTHER_UNSPACED = regex.compile(rf"(?!\p{{Han}})(?=\p{{L}})[{UNSPACED}]")


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits; single characters of scripts without spaces.

    Of English the words of the rouge-score package's own tokeniser, which knows no other letters than a to z.
    """
    return _WORD.findall(text.lower())


def bleu_tokeniser(texts: Iterable[str]) -> str:
    """sacrebleu's tokeniser for the language that most letters of the texts are of.

    zh: Chinese. char: other languages written without spaces, Japanese and Thai among them. 13a, sacrebleu's
    default, elsewhere.
    """
    text = "\n".join(texts)
    letters, han, other = (len(pattern.findall(text)) for pattern in (_LETTER, _HAN, _OTHER_UNSPACED))
    if han + other <= letters / 2:
        return "13a"
    return "zh" if han > 9 * other else "char"
