import random

import pytest

from configs.clean import Pii, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, Turns, score_conversations
from pipeline.clean.scores.language import detect_languages
from pipeline.clean.scores.offensive import offensiveness
from pipeline.clean.scores.offensive_words import severity
from pipeline.clean.scores.repetition import repetition
from pipeline.clean.scores.words import Words, estimated_tokens, known_words
from pipeline.rows.text_hash import normalise, text_hash

ABUSE = "shut up you stupid bitch, you are a whore"
SWEARING = "what the fuck, that is some good shit haha"
PREPARATION = Preparation(Repair(Text()), Pii().types)


def score(conversations: list[Turns]) -> list[tuple]:
    return [tuple(s) for s in score_conversations(conversations, PREPARATION)]


def test_languages_are_told_apart_and_short_ascii_is_undetermined() -> None:
    texts = [
        "Where is the next train station, please?",
        "Wo ist bitte der nächste Bahnhof?",
        "你好，你在做什么？",
        "nope",
        "42",
    ]
    assert [code for code, _ in detect_languages(texts)] == ["en", "de", "zh", "und", "und"]


def test_punctuation_and_capitals_do_not_change_the_language() -> None:
    plain, marked, shouted = detect_languages(
        ["where is everybody going today", "Where... is everybody (going) today?!", "WHERE IS EVERYBODY GOING TODAY"]
    )
    assert plain[0] == marked[0] == shouted[0] == "en"
    assert plain == shouted


def test_the_language_of_each_turn_is_known_beside_that_of_the_conversation() -> None:
    turns = ["Could you tell me the way to the station, please?", "Gehen Sie immer geradeaus und dann links.", "ok"]
    [row] = score_conversations([[("user", t) for t in turns]], PREPARATION)
    assert [code for code, _ in row.turn_languages] == ["en", "de", "und"]
    assert all(confidence > 0.9 for _, confidence in row.turn_languages[:2])


@pytest.mark.parametrize(
    ("prompt", "reply", "kept"),
    [
        ("Okay, um, do you like to cook?", "Um, yes, I do, mostly on weekends.", True),
        ("im so tired of this week lol", "haha same, what happened", True),
        ("Who wrote Die Leiden des jungen Werthers?", "Johann Wolfgang von Goethe", True),
        ("Hola, me puedes ayudar con mi pedido por favor?", "Sure, please tell me your order number.", True),
        ("Was bedeutet das Wort Handschuh?", "It is a glove, the thing that you wear on your hand.", True),
        ("Is Hua Hin (Thai: หัวหิน, pronounced [hǔa hǐn]) a beach resort in the south of Thailand?", "Yes", True),
        ("Gde mogu da kupim kartu za autobus?", "Karte se kupuju na kiosku ili kod vozaca.", False),
        ("Kdaj odpelje vlak?", "Vlak odpelje ob osmih zjutraj.", False),
        ("Tell me a story about a dragon", "Es war einmal ein Drache in einer Burg am Rande des Waldes.", False),
    ],
)
def test_the_mass_of_all_languages_decides_and_replies_count_most(prompt: str, reply: str, kept: bool) -> None:
    [row] = score_conversations([[("user", prompt), ("assistant", reply)]], PREPARATION)
    assert (dict(row.languages).get("en", 0.0) > 0.13) == kept


def test_abuse_scores_above_swearing_and_swearing_above_chat() -> None:
    abuse, swearing, chat = offensiveness([ABUSE, SWEARING, "See you at lunch!"])
    assert abuse > 0.8 > 0.6 > swearing > chat == 0


def test_disguised_words_count_like_plain_ones() -> None:
    assert severity("b1tch") == severity("biiiitch") == severity("b*tch") == severity("bitch") > 0
    assert severity("s***") == severity("shit")


def test_a_word_inside_another_is_none() -> None:
    assert severity("The Scunthorpe assassin passed the cockpit class") == 0


def test_repetition_is_the_share_of_trigrams_said_for_the_third_time_or_later() -> None:
    assert repetition("a b c d e f g h i j k l") == 0
    assert repetition(" ".join(["buy it now"] * 10)) == round(22 / 28, 4)  # 3 distinct ones are free twice
    assert repetition(" ".join([*"abcdefghijkl"] * 2)) == 0
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
    turns = [("user", "Mail  me at a@x.org"), ("assistant", "Sent to A@x.org!"), ("assistant", "")]
    [row] = score_conversations([turns], PREPARATION)
    assert row.contents == ["Mail me at <EMAIL_1>", "Sent to <EMAIL_1>!", ""]
    assert (row.chars, row.reply_chars, row.assistant_chars) == (38, 0, 18)
    assert (row.empty_turns, row.role_faults, row.reply_ratio) == (1, ["same_role_twice"], 0.9)
    assert row.repairs == ["white_space"]
    assert [(s.turn, s.placeholder) for s in row.pii] == [(0, "<EMAIL_1>"), (1, "<EMAIL_1>")]


def test_conversations_that_are_too_long_to_stay_are_not_searched_for_personal_data() -> None:
    turns = [("user", "Mail me at a@x.org"), ("assistant", "Sent.")]
    [long, _] = score_conversations([turns, turns], Preparation(Repair(Text()), Pii().types, searched_chars=22))
    [short] = score_conversations([turns], Preparation(Repair(Text()), Pii().types, searched_chars=23))
    assert (long.contents[0], long.chars, long.pii) == ("Mail me at a@x.org", 23, [])
    assert short.contents[0] == "Mail me at <EMAIL_1>"


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


def test_forgetting_the_words_met_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[Turns] = [[("user", f"number {n} sh1t happens, sooooo what"), ("assistant", ABUSE)] for n in range(40)]
    before = score(rows)
    monkeypatch.setattr("pipeline.clean.scores.words.MOST_WORDS", 10)
    known_words().limit()
    assert len(known_words().severity) == 0
    assert score(rows) == before


def test_a_text_of_words_met_before_is_normalised_as_a_whole() -> None:
    words = Words()
    for text in ["Don't!  Café's CLOSED -- (really)", ":)", "কি 5€", "a_b <EMAIL_1>", ""]:
        assert words.normalised(text, words.numbers(text)) == normalise(text)


def test_tokens_are_estimated_by_runs_of_letters_digits_and_marks() -> None:
    assert estimated_tokens("hello") == 1
    assert estimated_tokens("internationally") == 2
    assert estimated_tokens("don't") == 3
    assert estimated_tokens("12345!!") == 3


def test_shares_of_the_replies_are_of_their_characters_and_nothing_of_short_ones() -> None:
    reply = "AB1." * 20
    long, short = score_conversations([[("user", "x"), ("assistant", r)] for r in (reply, "5")], PREPARATION)
    assert (long.non_letters, long.capitals, long.digits) == (0.5, 1.0, 0.25)
    assert (short.non_letters, short.capitals, short.digits) == (0, 0, 0)


@pytest.mark.parametrize(
    ("prompt", "reply", "echo"),
    [
        ("Where do you live now?", "where do you live now", 1.0),
        ("hello", "Hello!", 0.0),
        ("Where is it now?", "Here", 0.0),
    ],
)
def test_an_echo_is_a_reply_of_four_words_or_more_that_equals_its_prompt(prompt: str, reply: str, echo: float) -> None:
    [row] = score_conversations([[("user", prompt), ("assistant", reply)]], PREPARATION)
    assert row.echo == echo


LOOP = "buy it now " * 40


def test_what_is_not_learned_and_what_a_tool_returns_is_judged_by_no_score_of_the_replies() -> None:
    turns = [
        ("user", "Where can I buy it, please?"),
        ("assistant", f"I am sorry, but I cannot help with that request. {LOOP} <|im_end|>"),
        ("tool", ""),
        ("assistant", ABUSE),
        ("tool", "0000 1111 2222 3333 4444 5555 6666 7777 8888 9999"),
        ("assistant", "You can buy it at the station, on the ground floor."),
    ]
    [learned], [context] = (score_conversations([turns], PREPARATION, marks) for marks in ({}, {0: {1, 3}}))
    assert (learned.repetition > 0.5, learned.offensive > 0.8, learned.leaks, learned.refusals) == (True, True, 1, 1)
    assert (context.repetition, context.offensive < 0.1, context.leaks, context.refusals) == (0, True, 0, 0)
    assert (context.assistant_chars, context.reply_chars) == (51, 51)
    assert learned.empty_turns == context.empty_turns == 0


def test_an_empty_turn_is_a_users_or_a_learned_reply() -> None:
    turns = [("user", ""), ("tool", ""), ("assistant", ""), ("user", "Hello?"), ("assistant", "")]
    counted = [score_conversations([turns], PREPARATION, marks)[0].empty_turns for marks in ({}, {0: {2}})]
    assert counted == [3, 2]


def test_the_language_of_a_conversation_is_not_that_of_what_a_tool_returns() -> None:
    french = "Le train part à huit heures du matin et arrive à midi, voie neuf, sans changement."
    turns = [("user", "When does it leave?"), ("assistant", "Wait."), ("tool", french), ("assistant", "At eight.")]
    [row] = score_conversations([turns], PREPARATION)
    assert (row.language, row.turn_languages[2]) == ("en", ("und", 0.0))


def test_an_empty_batch_and_an_empty_conversation_have_scores() -> None:
    assert score([]) == []
    [row] = score([[]])
    assert row[1:] == (
        None,
        "und",
        0.0,
        [],
        [],
        0.0,
        None,
        0.0,
        0,
        0,
        0,
        0,
        *[0.0] * 5,
        0,
        0,
        0,
        ["no_user"],
        0.0,
        [],
        [],
        row[-1],
    )
