import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.clean import Text
from pipeline.clean.repair.repair import Repair

repair = Repair(Text())


@pytest.mark.parametrize(
    ("raw", "repaired", "steps"),
    [
        ("Plain words, as they are.", "Plain words, as they are.", []),
        ("The cafÃ© is closed, donâ€™t go", "The café is closed, don't go", ["encoding", "punctuation"]),
        ("a\u200bb\ufeff c\x00\x07", "ab c", ["encoding"]),
        ("e\u0301te\u0301", "été", ["encoding"]),
        ("lone \ud800 surrogate", "lone \ufffd surrogate", ["encoding"]),
        ("one\r\ntwo\u2028three", "one\ntwo\nthree", ["encoding"]),
        ("<p>One</p><p>two &amp; three</p>", "One\n\ntwo & three", ["html", "white_space"]),
        ("twice &amp;amp; escaped", "twice & escaped", ["html"]),
        ("“Well…” — he said – ‘no’", "\"Well...\" - he said - 'no'", ["punctuation"]),
        ("What!!!!!!! Really???!!!!? .......", "What!!! Really?! ...", ["punctuation"]),
        ("  two   spaces \n\n\n\nlines\t", "two spaces\n\nlines", ["white_space"]),
        ("non\u00a0breaking", "non breaking", ["white_space"]),
    ],
)
def test_repairs_and_says_which_steps_did(raw: str, repaired: str, steps: list[str]) -> None:
    assert repair(raw) == (repaired, steps)


@pytest.mark.parametrize(
    "text",
    [
        "你好，世界！（很好）",
        "می‌خواهم",  # ZWNJ between Persian letters
        "👩‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "```python\nx  =  '“curly”'   # ....\n```",
        "if x < 3 and y > 4: List<String> & <EMAIL_1>",
        "Use the <div> tag, not a table.",
        "Plain\n\n    indented = f'<p>{x}</p>'\n    a  =  1",
        "I <3 you",
        "https://example.com/?a=1&copy=2",
        "« Bonjour », dit-il.",
    ],
)
def test_leaves_what_is_right(text: str) -> None:
    assert repair(text) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        "> for row in rows:\n>     print(row)   # one  a line\n>         done = 1",
        ">     total  =  1",
        "> - tea\n>   - green\n>\tcup",
        "> > if x:\n> >     y",
        ">>> def f():\n...     return  1\n>>> f()  # 1",
        "Type this:\n$ cut  -d' ' -f1 names.txt\nand wait",
        "me@host:~/work$ ls   -l",
    ],
)
def test_blanks_of_quoted_code_and_of_commands_stay(text: str) -> None:
    assert repair(text) == (text, [])


def test_quoted_prose_has_single_spaces_after_its_indentation() -> None:
    assert repair("> so  it\n>   went  on\n&gt;     x = 1")[0] == "> so it\n>   went on\n>     x = 1"


@pytest.mark.parametrize(
    "text",
    [
        "Set it so:\n    mask = a????b\n    # go on....",
        "> it was:\n>     x = ?????",
        "the value '....' or \"????\", 10....20, mask=????, ~/..../notes",
        "(code)\n;;;; part one",
    ],
)
def test_repeated_marks_of_code_stay(text: str) -> None:
    assert repair(text) == (text, [])


def test_repeated_marks_of_prose_beside_code_do_not() -> None:
    assert repair("What????\n    a????\nSo....no!!!!")[0] == "What???\n    a????\nSo...no!!!"


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("docker run —rm shop", "docker run —rm shop"),
        ("spark-submit\n—master local —name x y.py", "spark-submit\n—master local —name x y.py"),
        ("$ tool run —fast", "$ tool run —fast"),
        ("tool --fast —dry", "tool --fast —dry"),
        ("I use git — it works", "I use git - it works"),
        ("He came —late again", "He came - late again"),
        ("Bring:\n—tea\n  — a cup", "Bring:\n- tea\n  - a cup"),
        ("`a` — `b`", "`a` - `b`"),
    ],
)
def test_a_dash_of_an_option_of_a_command_stays_and_one_of_prose_is_spaced(text: str, repaired: str) -> None:
    assert repair(text)[0] == repaired


def test_white_space_before_inline_code_stays() -> None:
    assert repair("it  returns `None` when")[0] == "it returns `None` when"


@given(st.text(st.characters()) | st.text(st.sampled_from("<>/pbr&amp;#x3C; \n\t`…—“!?.…éÃ©â€™\u200d\ud800a1")))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_repaired_once_and_for_all(text: str) -> None:
    once, _ = repair(text)
    once.encode("utf-8")
    assert repair(once) == (once, [])


everything = Repair(Text(emoji="name", urls="placeholder", lowercase=True))


@given(st.text(st.characters()) | st.text(st.sampled_from("wW.htps:/ <URL>İSsß😀👍🏽\u200d\ufe0fé`\n")))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_option_at_once_is_idempotent(text: str) -> None:
    once, _ = everything(text)
    assert everything(once)[0] == once


def test_options_treat_emoji_urls_and_case() -> None:
    text = "See https://example.com/x?y=1, OK 😀👍🏽!"
    assert everything(text)[0] == "see <URL>, ok :grinning face::thumbs up sign emoji modifier fitzpatrick type-4:!"
    assert Repair(Text(emoji="drop", urls="drop"))(text)[0] == "See , OK !"
