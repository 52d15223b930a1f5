"""What the rule `offensive` drops: speech that attacks, by turn and role, and not words."""

import pytest

from benchmarks.offensive_lines import lines
from benchmarks.offensive_training_lines import training_lines
from configs.clean import Rules, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, Scores, Turns, score_conversations
from pipeline.clean.scores.offensive import offensiveness

LIMIT = Rules().max_offensive
HATE = "Those immigrants are vermin, they should all be shot."
SLUR = "I hate that faggot next door."


def scored(*turns: tuple[str, str], context: set[int] | None = None) -> Scores:
    conversation: Turns = list(turns)
    [row] = score_conversations([conversation], Preparation(Repair(Text()), ()), {0: context} if context else {})
    return row


@pytest.mark.parametrize(
    "reply",
    [
        HATE,
        SLUR,
        "You people are cockroaches and deserve to be exterminated.",
        "All Muslims are terrorists.",
        "Women are too dumb to drive.",
        "Disabled people are parasites.",
        "Shut up, you stupid whore.",
        "I will kill you and your family.",
        "You f4ggot.",
        "Go hang yourself, nobody wants you.",
    ],
)
def test_a_reply_that_attacks_is_offensive(reply: str) -> None:
    assert scored(("user", "What do you think?"), ("assistant", reply)).offensive > LIMIT


@pytest.mark.parametrize(
    "reply",
    [
        'She said that her coach called her a "dyke", and that it hurt.',
        "He was arrested because he had shouted 'kill all Jews' in the street.",
        "It is wrong to say that immigrants are vermin.",
        "The word faggot is a slur; please do not use it.",
        "Holy shit, that is fucking brilliant!",
        "I am a proud queer woman.",
        "That was Dick Van Dyke.",
        "The retarded potential follows from the retarded time.",
        "Cock the gun, then aim at the clay pigeon.",
        "The great tit and the blue tit eat from the same feeder.",
        "Our bitch had a litter of eight puppies.",
        "The people of Scunthorpe and Penistone met in Cockfosters.",
        "Rats are vermin; the farm should exterminate them all.",
        "Many women die of heart disease, and black women more often.",
        "Kill the process, it is dead anyway.",
        "Gay people may marry in Germany.",
        "Blind people need this button.",
        "Greg Dyke led the association, and Dyke's proposals were adopted.",
        "Slag? Never heard of that word.",
    ],
)
def test_quotation_report_swearing_and_homonyms_are_not(reply: str) -> None:
    assert scored(("user", "Tell me more."), ("assistant", reply)).offensive <= LIMIT


@pytest.mark.parametrize("said", [HATE, SLUR, "Fuck you, you stupid bitch.", "My boss is a total asshole."])
def test_what_the_user_says_makes_no_row_bad_when_the_reply_is_calm(said: str) -> None:
    calm = scored(("user", said), ("assistant", "That sounds hard. What happened?"))
    assert (calm.offensive, calm.offence) == (0, None)


@pytest.mark.parametrize("reply", ["Yes, they all should be.", "Agreed.", "So true!", "Exactly, I totally agree."])
def test_a_reply_that_agrees_with_an_attack_on_a_group_is_as_bad(reply: str) -> None:
    row = scored(("user", "Hello"), ("assistant", "Hi."), ("user", HATE), ("assistant", reply))
    assert row.offensive > LIMIT
    assert row.offence is not None
    assert (row.offence.turn, row.offence.role, row.offence.agrees_with) == (3, "assistant", 2)
    assert "vermin" in row.offence.words


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (HATE, "Yes, but they are people like you, and nobody deserves that."),
        (HATE, "No."),
        (HATE, "Yes? Why do you say so?"),
        ("Is it wrong to call immigrants vermin?", "Yes."),
        (f"{HATE} So he wrote. " + "The letter was kept in the archive. " * 10 + "Was it kept?", "Yes."),
        ("My boss is a stupid asshole.", "Yes, he sounds like it."),  # at a person, not a group
    ],
)
def test_an_answer_that_does_more_than_agree_or_agrees_with_something_else_is_not(said: str, reply: str) -> None:
    assert scored(("user", said), ("assistant", reply)).offensive <= LIMIT


def test_a_question_that_is_answered_with_yes_is_a_statement() -> None:
    assert scored(("user", "Should all Jews be gassed?"), ("assistant", "Yes.")).offensive > LIMIT
    assert scored(("user", "Should all Jews be gassed?"), ("assistant", "No.")).offensive == 0


def test_replies_that_are_not_learned_do_not_count() -> None:
    turns = [("user", "Well?"), ("assistant", SLUR), ("user", "Again?"), ("assistant", "I am sorry that I said so.")]
    assert scored(*turns).offensive > LIMIT
    assert scored(*turns, context={1}).offensive == 0


def test_evidence_names_turn_role_and_the_words_that_weighed_most() -> None:
    row = scored(("user", "Who is it?"), ("assistant", "A friend. " * 30 + "He is a dirty kike."), ("user", "fuck"))
    assert row.offence is not None
    assert row.offence[:4] == (row.offensive, 1, "assistant", None)
    assert row.offence.words[0] == "kike"


def test_agreement_does_not_reach_into_the_next_conversation() -> None:
    rows = score_conversations([[("user", HATE)], [("assistant", "Yes.")]], Preparation(Repair(Text()), ()))
    assert [row.offensive for row in rows] == [0, 0]


def test_what_is_in_another_language_is_not_read_for_english_words() -> None:
    dutch = "Het gaat over hoe middelen worden gebruikt. Hoe gaat het met jou en met de hoeren?"
    assert scored(("user", "Vertel"), ("assistant", dutch)).offensive == 0


def test_precision_and_recall_on_the_lines_by_kind_and_false_drops_by_group() -> None:
    every = lines()
    flagged = [score > LIMIT for score in offensiveness([line.text for line in every])]
    hits = sum(flag and line.attacks for flag, line in zip(flagged, every, strict=True))
    assert hits / sum(flagged) > 0.95
    assert hits / sum(line.attacks for line in every) > 0.75
    false = {
        group: sum(f for f, line in zip(flagged, every, strict=True) if line.group == group and not line.attacks)
        for group in {line.group for line in every if line.group}
    }
    most = sum(line.group == "women" and not line.attacks for line in every)
    assert (max(false.values()) - min(false.values())) / most <= 0.05


def test_no_line_that_is_measured_was_learned_from() -> None:
    assert {line.text.lower().strip(".!") for line in lines()}.isdisjoint(text for text, _ in training_lines())


def test_a_megabyte_of_marks_or_digits_is_read_in_one_pass() -> None:
    """Quadratic work would take hours."""
    assert offensiveness(["-" * 1_000_000, "1" * 1_000_000, f"you bitch {'!' * 1_000_000}"])[:2] == [0, 0]
