"""What is in a language that was asked for: the reply to "Translate this into Spanish: …" and to "Wie sagt man das auf
Französisch?", and prompt and reply of "Correct my German: …"."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import regex

from pipeline.clean.scores.lid import language_model

NAMES = {
    "ar": "arabic arabisch arabe árabe arabo",
    "bn": "bengali bangla",
    "ca": "catalan katalanisch catalán",
    "cs": "czech tschechisch tchèque checo ceco",
    "da": "danish dänisch danois danés danese",
    "de": "german deutsch allemand alemán alemão tedesco duits",
    "el": "greek griechisch grec griego greco",
    "en": "english englisch englische englischen anglais inglés inglês inglese engels",
    "eo": "esperanto",
    "es": "spanish castilian spanisch spanische espagnol español espanhol spagnolo spaans",
    "fa": "persian farsi persisch",
    "fi": "finnish finnisch finnois finés finlandese",
    "fr": "french französisch französische français francés francês francese frans",
    "he": "hebrew hebräisch hébreu hebreo ebraico",
    "hi": "hindi",
    "hu": "hungarian ungarisch hongrois húngaro ungherese",
    "id": "indonesian malay indonesisch indonésien indonesio indonesiano",
    "it": "italian italienisch italienische italien italiano italiaans",
    "ja": "japanese japanisch japonais japonés japonês giapponese japans",
    "ko": "korean koreanisch coréen coreano",
    "la": "latin latein lateinisch latín latino",
    "nl": "dutch niederländisch néerlandais neerlandés olandese nederlands",
    "no": "norwegian norwegisch norvégien noruego norvegese",
    "pl": "polish polnisch polonais polaco polacco",
    "pt": "portuguese portugiesisch portugais portugués português portoghese",
    "ro": "romanian rumänisch roumain rumano rumeno",
    "ru": "russian russisch russe ruso russo",
    "sr": "serbian croatian bosnian serbisch kroatisch serbe croate serbio croata",
    "sv": "swedish schwedisch suédois sueco svedese",
    "tr": "turkish türkisch turc turco",
    "uk": "ukrainian ukrainisch ukrainien ucraniano",
    "ur": "urdu",
    "vi": "vietnamese vietnamesisch vietnamien vietnamita",
    "zh": "chinese mandarin cantonese chinesisch chinois chino chinês cinese",
}
CODES = {name: code for code, names in NAMES.items() for name in names.split()}

KIN = {
    "es": "ast gl an ca ext",
    "no": "nn da sv",
    "da": "no nn sv",
    "sv": "no da nn",
    "id": "ms jv su min",
    "sr": "hr bs sh sl mk",
    "cs": "sk",
    "zh": "yue wuu",
    "hi": "mr ne bh",
    "fa": "pnb ps azb",
    "ur": "pnb",
    "pt": "gl",
    "uk": "ru be",
    "ru": "uk be bg",
    "de": "als nds bar lb",
    "nl": "af nds li",
    "it": "la scn lmo",
    "la": "it",
    "tr": "az",
}
"""What the language model also takes a language for, where a text is short."""

ASKED = regex.compile(
    r"\b(?:in|into|to|auf|ins?|en|em|al|au|ao|para|naar|nel)\s+(?:the\s+|das\s+|le\s+)?(?P<name>\p{L}+)"
    r"|\b(?P<name>\p{L}+)\s+(?:translation|word|words|phrase|phrases|sentence|sentences|poem|lesson|version"
    r"|examples?|song|lyrics|anthem|proverb|idiom|greeting|übersetzung)\b"
    r"|\b(?:speak|practi[cs]e|learn|teach\s+me|sprich|habla|parle)\s+(?P<name>\p{L}+)",
    regex.IGNORECASE,
)

MENDED = regex.compile(
    r"\s*(?:(?:please|can|could|would|you|kindly|bitte|kannst|könntest|du)\s+){0,3}"
    r"(?:(?:(?:correct|fix|check|improve|proofread|polish|revise|edit|rephrase|rewrite)\s+(?:the\s+following|the)"
    r"|(?:correct|fix|check|improve|proofread|polish|revise|edit|rephrase|rewrite|is|are)\s+(?:my|this|these))"
    r"|(?P<german>korrigiere?|verbessere?|prüfe?|überprüfe?)\s+(?:mein|meine|meinen|diesen|dieses|diese|folgenden))"
    r"\s+(?P<name>\p{L}+)\b",
    regex.IGNORECASE,
)
"""How a prompt begins, in English or German, that brings a text in the language which it names, to be mended."""


def asked_for(
    contents: Sequence[str], ends: npt.NDArray[np.int64], replies: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """[turns]: whether each is a reply in a language that a turn of others before it names and asks for, or is in one
    that it names itself, to have it mended, with the replies after it.

    ends: [conversations + 1]. labels: the likeliest label of each turn, -1 for none. Only where a reply is in another
    language than the rest of its conversation the others' turns are looked at.
    """
    model = language_model()
    asked = np.zeros(len(contents), bool)
    conversation = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    others = ~replies & (labels >= 0)
    first = np.full(len(ends) - 1, -1)
    first[conversation[others][::-1]] = labels[others][::-1]
    odd = replies & (labels >= 0) & (labels != first[conversation])
    for number in np.unique(conversation[odd]).tolist():
        start, end = int(ends[number]), int(ends[number + 1])
        wanted: set[str] = set()
        for turn in range(start, end):
            if odd[turn]:
                asked[turn] = model.labels[labels[turn]] in wanted
            elif not replies[turn]:
                wanted |= languages_asked(contents[turn])
    for turn in np.flatnonzero(others).tolist():
        brought = language_brought(contents[turn])
        if brought and model.labels[labels[turn]] in brought:
            asked[turn] = True
            for after in range(turn + 1, int(ends[conversation[turn] + 1])):
                asked[after] |= replies[after] and (labels[after] < 0 or model.labels[labels[after]] in brought)
    return asked


def language_brought(text: str) -> set[str]:
    """Codes of the language that a text names as that of what it brings, with its kin. Mostly there is none, and none
    that needs naming where what is asked is in it too."""
    found = MENDED.match(text)
    if found is None:
        return set()
    code, own = CODES.get(found["name"].lower()), "de" if found["german"] else "en"
    return {code, *KIN.get(code, "").split()} if code and code != own else set()


def languages_asked(text: str) -> set[str]:
    """Codes of the languages that a text asks for, with their kin."""
    found = {CODES[name] for match in ASKED.finditer(text) if (name := match["name"].lower()) in CODES}
    return found | {kin for code in found for kin in KIN.get(code, "").split()}
