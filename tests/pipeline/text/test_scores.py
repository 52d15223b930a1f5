import random

from configs.clean import Pii, Text
from pipeline.text.exact import text_hash
from pipeline.text.language import detect_languages, sample
from pipeline.text.offensive import offensiveness, severity
from pipeline.text.repair import Repair
from pipeline.text.repetition import repetition
from pipeline.text.scores import Turns, score_conversations

ABUSE = "shut up you stupid bitch, you are a whore"
SWEARING = "what the fuck, that is some good shit haha"


def score(conversations: list[Turns]) -> list[tuple]:
    return [tuple(s) for s in score_conversations(conversations, Repair(Text()), Pii().types)]


def test_languages_are_told_apart_and_short_ascii_is_undetermined() -> None:
    texts = [
        "Where is the next train station, please?",
        "Wo ist bitte der nächste Bahnhof?",
        "你好，你在做什么？",
        "nope",
        "42",
    ]
    assert [code for code, _ in detect_languages([sample([t]) for t in texts])] == ["en", "de", "zh", "und", "und"]


def test_punctuation_does_not_change_the_language() -> None:
    assert sample(["hello?!", "Is anyone here???"]) == "hello Is anyone here"


def test_abuse_scores_above_swearing_and_swearing_above_chat() -> None:
    abuse, swearing, anger, chat = offensiveness([ABUSE, SWEARING, "I hate you, what the hell", "See you at lunch!"])
    assert abuse > 0.8 > swearing > 0.6 > anger > chat
    assert chat < 0.1


def test_disguised_words_count_like_plain_ones() -> None:
    assert severity("b1tch") == severity("biiiitch") == severity("b*tch") == severity("bitch") > 0
    assert severity("s***") == severity("shit")


def test_a_word_inside_another_is_none() -> None:
    assert severity("The Scunthorpe assassin passed the cockpit class") == 0


def test_repetition_is_the_share_of_repeated_trigrams() -> None:
    assert repetition("a b c d e f g h i j k l") == 0
    assert repetition(" ".join(["buy it now"] * 10)) == round(25 / 28, 4)
    assert repetition("no no no no") == 0
    assert repetition("哈" * 100) > 0.9


def test_hash_ignores_case_punctuation_and_spacing_but_not_roles_or_letters() -> None:
    base = text_hash([("user", "Hello,  World!"), ("assistant", "Hi")])
    assert base == text_hash([("user", "hello world"), ("assistant", "hi.")])
    assert len(base) == 32
    assert base != text_hash([("assistant", "Hello, World!"), ("user", "Hi")])
    assert text_hash([("user", "कि")]) != text_hash([("user", "की")])
    assert text_hash([("user", "?")]) != text_hash([("user", "!")])


def test_columns_of_one_conversation() -> None:
    [row] = score_conversations(
        [[("user", "Mail  me at a@x.org"), ("assistant", "Sent to A@x.org!"), ("assistant", "")]],
        Repair(Text()),
        Pii().types,
    )
    assert row.contents == ["Mail me at <EMAIL_1>", "Sent to <EMAIL_1>!", ""]
    assert (row.chars, row.reply_chars, row.assistant_chars) == (38, 0, 18)
    assert row.repairs == ["white_space"]
    assert [(s.turn, s.placeholder) for s in row.pii] == [(0, "<EMAIL_1>"), (1, "<EMAIL_1>")]


def test_scores_do_not_depend_on_the_batch() -> None:
    chooser = random.Random(3)
    words = f"{ABUSE} {SWEARING} the cat sat on a mat and saw que ist où".split()
    rows: list[Turns] = [
        [("user", " ".join(chooser.choices(words, k=chooser.randint(1, 30)))), ("assistant", chooser.choice(words))]
        for _ in range(300)
    ]
    whole = score(rows)
    assert whole == [one for row in rows for one in score([row])]
    assert whole[::-1] == score(rows[::-1])


def test_an_empty_batch_and_an_empty_conversation_have_scores() -> None:
    assert score([]) == []
    [row] = score([[]])
    assert row[1:8] == ("und", 0.0, 0.0, 0.0, 0, 0, 0)
