"""What a reply refuses, what it leaks, and who speaks when."""

import pytest

from pipeline.clean.scores.prompt_leak import leaks
from pipeline.clean.scores.refusal import is_refusal
from pipeline.clean.scores.roles import role_faults
from pipeline.rows.text_hash import normalise


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I can't assist with that request.",
        "As an AI language model, I do not have personal opinions.",
        "I apologize, but I cannot provide that.",
        "That goes against my programming.",
        "I'm just an AI, so no.",
        "I cannot fulfill your request.",
        "Well, I don't have personal feelings about it.",
    ],
)
def test_stock_phrases_are_refusals(reply: str) -> None:
    assert is_refusal(normalise(reply))


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, I couldn't find any restaurants there.",
        "Sorry to hear that! How are you now?",
        "AI is as a field older than I am.",
        "I can help with that.",
        "No, I won't.",
        "We play against our neighbours on Sunday.",
    ],
)
def test_what_people_say_is_none(reply: str) -> None:
    assert not is_refusal(normalise(reply))


@pytest.mark.parametrize(
    "reply",
    [
        "Sure.<|im_end|>",
        "[INST] What is it? [/INST] A dog.",
        "Yes\n### Instruction: write more",
        "Fine, thanks.\n\nHuman: and you?",
        "</s>",
        "All of it.</s><s>And the next one?",
        "<s> Hello there.",
        "I was told: You are a polite assistant of the Acme bank, helping clients.",
    ],
)
def test_marks_of_templates_and_the_system_prompt_leak(reply: str) -> None:
    system = normalise("You are a polite assistant of the Acme bank, helping clients.")
    assert leaks(reply, normalise(reply), system)


@pytest.mark.parametrize(
    "reply",
    [
        "ChatML begins a turn with `<|im_start|>`.",
        "```\n[INST] x [/INST]\n```",
        "### Heading\nText",
        "<s>struck</s> through <b>",
        "<speak><p><s>Welcome.</s> <s>Say help for more.</s></p></speak>",
        "It costs <s>500</s>",
        "Note: the user: must log in",
        "Be helpful and kind.",
    ],
)
def test_code_headings_and_short_system_prompts_do_not(reply: str) -> None:
    assert not leaks(reply, normalise(reply), normalise("Be helpful."))


@pytest.mark.parametrize(
    "reply",
    [
        "Yes, I can help with that. Human: And what about the second one?  Assistant: Both.",
        'They call it "a fair." Human:  Why?',
        "Sow in April. User: When do I water the seeds?",
        "Sow in April! Assistant: You should water them daily.",
        "Sow in April. ### Instruction: Translate this.",
        "Sow in April. <|im_start|>user",
    ],
)
def test_a_reply_that_goes_on_with_the_next_turn_amid_a_line_leaks(reply: str) -> None:
    assert leaks(reply, normalise(reply), "", "When do I sow?")
    assert not leaks(f"`{reply}`", normalise(reply), "", "When do I sow?")


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ("Write a dialogue of two at a bus stop", "It is night. Human: When is it due?  Assistant: At nine."),
        ("What happens next?", "Human: It is late. Assistant: You should go home now."),
        ("Which game shall I buy?", "I like puzzles. Human: Fall Flat is a good one."),
        ("How do I get in?", "Log in. User: admin"),
        ("How do I get in?", "Log in. User: The name on your card, Password: the word below it."),
        ("Name some species", "Here they are. Human: Homo sapiens. Dog: Canis familiaris."),
        ("How does it go?", "1. User: Opens the first page. 2. Assistant: Shows the next page."),
        ("Who may?", "The role is User: nobody else is needed here."),
    ],
)
def test_dialogues_that_were_asked_for_games_and_fields_do_not(prompt: str, reply: str) -> None:
    assert not leaks(reply, normalise(reply), "", prompt)


@pytest.mark.parametrize(
    ("roles", "faults"),
    [
        ("user assistant", []),
        ("system user assistant user assistant", []),
        ("assistant user assistant", ["assistant_first"]),
        ("user user assistant", ["same_role_twice"]),
        ("user system assistant", ["system_later"]),
        ("system assistant", ["assistant_first", "no_user"]),
        ("user assistant user", ["unanswered"]),
        ("", ["no_user"]),
    ],
)
def test_faults_in_the_order_of_turns(roles: str, faults: list[str]) -> None:
    assert role_faults(roles.split()) == faults
