"""Which rows the rule `language` keeps: one user turn and its reply, in a corpus of one language."""

import pyarrow as pa
import pytest

from configs.clean import Pii, Rules, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.rules.rules import first_failures
from pipeline.clean.score_columns import with_scores
from pipeline.clean.scores.asked_language import language_brought
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.rows.schema import CONVERSATIONS

TYPES = Pii().types


def rule(prompt: str, reply: str, language: str) -> str | None:
    """The rule that drops the row, if any."""
    turns = [("user", prompt), ("assistant", reply)]
    messages = [{"role": role, "content": content} for role, content in turns]
    batch = pa.RecordBatch.from_pylist([{"row_id": "r", "messages": messages, "metadata": []}], CONVERSATIONS)
    scored = score_conversations([turns], Preparation(Repair(Text()), TYPES))
    table = pa.Table.from_batches([with_scores(batch, scored, TYPES)])
    found: str | None = first_failures(table, Rules(languages=[language]))[0].as_py()
    return found


NAMES_AND_TITLES = [
    ("en", "ini extension refers to what kind of file", "configuration files"),
    ("en", "who built el castillo de san felipe del morro", "Diego Ramos de Orozco"),
    ("en", "el salvador's archbishop murdered as he celebrates mass", "Óscar Arnulfo Romero y Galdámez"),
    ("en", "Who directed La Vita è Bella?", "Roberto Benigni"),
    ("en", "Who wrote Cien años de soledad?", "Gabriel García Márquez"),
    ("en", "when was the palazzo della civilta italiana built", "1943"),
    ("en", "name of the river in rio de janeiro", "Rio Maracanã"),
    ("en", "what does je ne sais quoi mean", "a quality that cannot be described"),
    ("en", "Is crème de menthe the same as crème de cacao?", "No"),
    ("de", "Wer hat Gone with the Wind geschrieben?", "Margaret Mitchell"),
    ("de", "Wie spielt man Call of Duty Modern Warfare im Multiplayer", "Online"),
    ("es", "¿Quién canta Smells Like Teen Spirit?", "Nirvana, de Seattle"),
    ("fr", "qui a écrit the old man and the sea", "Ernest Hemingway"),
]
CHAT = [
    ("en", "im so tired", "lol ikr"),
    ("en", "u wanna come 2nite", "ya sure c u there"),
    ("en", "yooo whats up", "dope! dope!"),
    ("en", "wat r u doin rn", "nm just chillin hbu"),
    ("en", "omg thats sooo cute", "ikr lmao"),
]
ASKED = [
    ("en", "Translate this into Spanish: Where is the library?", "¿Dónde está la biblioteca?"),
    ("en", "How do you say 'I would like a coffee, please' in French?", "Je voudrais un café, s'il vous plaît."),
    ("en", "Please write a poem in Italian about the sea.", "Il mare canta piano la sera, e porta via i pensieri."),
    ("en", "translate 'see you tomorrow morning' in portuguese", "Até amanhã de manhã, meu amigo"),
    ("en", "Give a German example with weil", "Ich bleibe zu Hause, weil es regnet."),
    ("de", "Übersetze ins Englische: Ich gehe morgen ins Kino.", "I am going to the cinema tomorrow."),
    ("de", "Wie sagt man 'guten Morgen, mein Freund' auf Französisch?", "Bonjour mon ami, comment vas-tu ce matin?"),
    ("es", "Traduce al inglés: Me gusta mucho el chocolate.", "I like chocolate very much."),
]
NO_LANGUAGE = [
    ("Write the CSS for two buttons", ".a { color: #111; padding: 4px 8px; }\n.b { color: #222; padding: 4px 8px; }"),
    ("JSON of a cat", '{"name": "Tom", "age": 3, "tags": ["grey", "lazy"]}'),
    ("emoji story", "🐶➡️🏠➡️🍖➡️😴"),
    ("knitting pattern", "K2, P2, K2, P2, yo, k2tog, ssk, K4, P2\nK2, P2, K2, P2, yo, k2tog, ssk, K4, P2"),
    ("Python dict of primes", "{2: True, 3: True, 4: False, 5: True}"),
]
FOREIGN = [
    ("en", "Tell me about the weather in Lisbon.", "O tempo em Lisboa está muito agradável hoje, com sol e calor."),
    ("en", "Qual é a capital do Brasil?", "A capital do Brasil é Brasília."),
    ("en", "Dobar dan, kako ste danas?", "Dobro sam, hvala. A vi?"),
    ("en", "Gde mogu da kupim kartu za autobus?", "Karte se kupuju na kiosku ili kod vozaca."),
    ("en", "Responde en español: ¿qué hora es?", "Son las tres de la tarde, amigo mío."),
    (
        "en",
        "What is Spanish food like?",
        "Me gustaría ir contigo al cine esta noche porque hay un estreno muy bueno.",
    ),
    ("en", "Hoe laat is het?", "Het is nu bijna drie uur in de middag."),
    ("en", "Wat is The Terminator?", "Een film over een cyborg uit de toekomst, gespeeld door Arnold Schwarzenegger."),
    ("de", "Where is the next train station?", "Go straight ahead and then turn left at the corner."),
]


@pytest.mark.parametrize(("language", "prompt", "reply"), NAMES_AND_TITLES)
def test_foreign_names_and_titles_do_not_make_a_row_foreign(language: str, prompt: str, reply: str) -> None:
    assert rule(prompt, reply, language) is None


@pytest.mark.parametrize(("language", "prompt", "reply"), CHAT)
def test_chat_is_written_in_its_language(language: str, prompt: str, reply: str) -> None:
    assert rule(prompt, reply, language) is None


@pytest.mark.parametrize(("language", "prompt", "reply"), ASKED)
def test_a_translation_that_was_asked_for_is_wanted(language: str, prompt: str, reply: str) -> None:
    assert rule(prompt, reply, language) is None


@pytest.mark.parametrize(("prompt", "reply"), NO_LANGUAGE)
def test_code_and_signs_are_in_no_language(prompt: str, reply: str) -> None:
    assert rule(prompt, reply, "en") is None


@pytest.mark.parametrize(("language", "prompt", "reply"), FOREIGN)
def test_a_row_in_another_language_is_dropped(language: str, prompt: str, reply: str) -> None:
    assert rule(prompt, reply, language) == "language"


@pytest.mark.parametrize(
    ("language", "prompt", "reply"),
    [
        ("en", "Correct my German: Ich habe gegangen nach Hause.", "Ich bin nach Hause gegangen."),
        ("en", "Please fix my French: Je suis allé au le marché.", "Je suis allé au marché."),
        ("en", "Check my Spanish grammar: Yo soy cansado hoy.", "Estoy cansado hoy."),
        ("en", "Is this German correct? Ich habe Hunger gehabt.", "Ja, das ist richtig: Ich habe Hunger gehabt."),
        (
            "de",
            "Korrigiere mein Englisch: Yesterday I have go to the market with my sister.",
            "Yesterday I went there.",
        ),
    ],
)
def test_a_text_that_is_brought_to_be_mended_is_material(language: str, prompt: str, reply: str) -> None:
    assert rule(prompt, reply, language) is None


def test_nothing_else_is() -> None:
    assert language_brought("Correct my German: Ich habe gegangen.") == {"de", "als", "nds", "bar", "lb"}
    assert language_brought("Please check the following Dutch sentence.") >= {"nl"}
    for text in (
        "Correct my English: I has a cat.",
        "is the english channel in the atlantic ocean",
        "My German is bad.",
    ):
        assert language_brought(text) == set()
    german = "Correct my Spanish: Ich habe gegangen nach Hause."
    assert rule(german, "Ich bin nach Hause gegangen.", "en") == "language"
