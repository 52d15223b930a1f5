"""Function words that one language has and its neighbours have not.

The language model is compressed: of "who", "what" and "to" it has kept nothing, so that a question of such words about
a foreign name is foreign to it. Words that several of these languages write alike ("in", "is", "was") tell nothing.
"""

FUNCTION_WORDS = {
    "en": """
        the of to what who whose which where when why how does did do are were this that these those there then than
        and but with from about into because been being have has had having she they them their theirs his her its
        he it you your yours we our would could should will can't cannot don't doesn't didn't isn't aren't wasn't won't
        i'm i've i'll you're it's that's what's who's let's not nothing anything something everything never ever after
        before between through while until each every both most much many such other another by for my or if us
        wanna gonna gotta whats thats dont doesnt didnt cant wont youre hes shes ive yeah yep nope dude bro thanks
        please sure really haha up doin goin nothin chillin idk tbh ikr rn hbu wbu thx pls cuz tho 2nite
    """,
    "de": """
        der das und ist nicht ein eine einen einem einer mit für auf auch sich wie wo wann warum welche welcher welches
        ich du er wir ihr mich mir dich dir uns euch haben habe hat hatte wird werden wurde kann können möchte muss
        aber oder wenn weil dass noch schon nur sehr hier heute bitte danke ja nein kein keine vom zum zur im am beim
        bei nach über durch gegen ohne unter zwischen sind bin bist war waren
    """,
    "fr": """
        le les des de du une est pas que qui quoi où quand comment pourquoi quel quelle je tu il elle nous vous
        ils elles
        mon ton mes tes ses dans avec pour sur sous mais donc c'est j'ai n'est qu'est aux cette ces sont être avoir
        suis fait très oui merci
    """,
    "es": """
        el los las de una es y qué quién cómo cuándo dónde cuál por para con pero porque está están eres soy muy más
        también del al lo su sus mi tu yo él ella nosotros usted hay fue sí gracias
    """,
    "pt": """
        o os as de um uma não é são você vocês eu ele ela nós meu minha seu sua do da dos das no na em com mas muito
        também está isso isto foi obrigado obrigada sim
    """,
    "it": """
        il gli uno in del de è non che chi cosa come dove quando perché quale sono sei siamo di della delle dei
        degli nel nella
        con ma anche molto questo questa io lui lei noi voi sì grazie
    """,
    "nl": """
        het een niet ik jij hij zij wij jullie mijn jouw zijn heb hebt heeft wat waar wanneer waarom hoe welke met voor
        van naar maar ook nog wel geen dit dat deze ben bent kan moet is in was of over je de vertel
    """,
}

LANGUAGES = tuple(FUNCTION_WORDS)
SHARED = -1

_FOUND: dict[str, int] = {}
for _number, _words in enumerate(FUNCTION_WORDS.values(), 1):
    for _word in _words.split():
        _FOUND[_word] = SHARED if _FOUND.get(_word, _number) != _number else _number


def function_word(word: str) -> int:
    """1 + the number of the language in LANGUAGES whose function word it is, SHARED for several, 0 for none.

    word: in small letters.
    """
    return _FOUND.get(word, 0)
