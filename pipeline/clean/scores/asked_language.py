"""Replies in a language that was asked for: "Translate this into Spanish: …", "Wie sagt man das auf Französisch?"."""

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


def asked_for(
    contents: Sequence[str], ends: npt.NDArray[np.int64], replies: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """[turns]: whether each is a reply in a language that a turn of others before it names and asks for.

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
    return asked


def languages_asked(text: str) -> set[str]:
    """Codes of the languages that a text asks for, with their kin."""
    found = {CODES[name] for match in ASKED.finditer(text) if (name := match["name"].lower()) in CODES}
    return found | {kin for code in found for kin in KIN.get(code, "").split()}
