"""What a rule on form judges: the replies, without what their layout or their prompt accounts for."""

import pytest

from configs.clean import Pii, Rules, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, score_conversations

BORDERS = {
    "repetition": Rules().max_repetition,
    "digits": Rules().max_digits,
    "non_letters": Rules().max_non_letters,
    "leaks": Rules().max_leaks,
}
LOG = "\n".join(f"2024-01-01 12:00:0{second} ERROR retry failed" for second in range(8))
CODE = "for (int i = 0; i < n; i++) {\n  if (a[i] < a[j]) {\n    t = a[i]; a[i] = a[j]; a[j] = t;\n  }\n}"


def failed(turns: list[tuple[str, str]]) -> set[str]:
    """The scores of one conversation that are beyond their border."""
    [row] = score_conversations([turns], Preparation(Repair(Text()), Pii().types))
    return {name for name, border in BORDERS.items() if getattr(row, name) > border}


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ("Compare the plans", "| Plan | Price | Seats |\n|---|---|---|\n| Basic | $5 | 1 |\n| Pro | $15 | 10 |"),
        ("Tell me about your shop", "Mo 09:00-17:00\nTu 09:00-17:00\nWe 09:00-17:00\nTh 09:00-17:00\nFr 09:00-15:00"),
        ("My address book, please", "Ann 12 34\nBob 56 78\nCid 90 12\nDan 34 56\nEve 78 90\nFay 12 34\nGus 56 78"),
        ("Whom may I ask?", "Sales: ext 4411\nSupport: ext 4412\nBilling: ext 4413\nReturns: ext 4414"),
        ("List the first primes", "2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73"),
        ("Work it out", "17 * 23 = 391\n391 + 4 = 395\n395 / 5 = 79\n79 - 9 = 70\n70 * 2 = 140"),
        ("Show me what it wrote", LOG),
        ("Sort it please", CODE),
        ("Say yes to me twenty times", "yes " * 20),
        ("Why does it repeat? " + "ERROR retry " * 20, "The server closes the connection."),
        ("Some smileys, I mean emojis", "".join(map(chr, range(0x1F600, 0x1F640)))),
        ("Write a dialogue of a user and a bot", "User: Hi!\nAssistant: Hello.\nUser: I lost my card.\nAssistant: Ah."),
        ("Which file is it?", "Host: example\nUser: deploy\nPort: 22"),
        ("What does </s> mean to a tokenizer?", "It ends a text, as in: hello</s>"),
        ("How do I strike it out?", "<s>old</s>"),
    ],
)
def test_what_layout_or_prompt_accounts_for_fails_no_rule(prompt: str, reply: str) -> None:
    assert failed([("user", prompt), ("assistant", reply)]) == set()


@pytest.mark.parametrize(
    ("prompt", "reply", "score"),
    [
        ("Tell me something.", "buy it now " * 12, "repetition"),
        ("How are you?", "I love you so much. " * 15, "repetition"),
        ("Do you like it?", "- buy it now\n" * 30, "repetition"),
        ("Tell me a joke", "| a | b |\n" * 40, "repetition"),
        ("Who are you?", "84739 38472 9384 8473 2938 4857 2939 4850 3948 5739 4857 2039 4858", "digits"),
        ("Why is it blue", "### $$$ @@@ ^^^ &&& *** ((( ))) ~~~ ||| \\\\\\ /// ;;; ::: ,,, <<< >>> [[[", "non_letters"),
        ("Fine, and you?", "Fine, thanks.\n\nHuman: and you?", "leaks"),
        ("Hello", "Sure.<|im_end|>\n<|im_start|>user\nmore", "leaks"),
        ("I am off.", "Then go.\nAssistant: By the way, come back.", "leaks"),
    ],
)
def test_loops_noise_and_leaks_still_fail(prompt: str, reply: str, score: str) -> None:
    assert score in failed([("user", prompt), ("assistant", reply)])
