"""Parts that are not text: kept where the template knows them, else counted, or a reason to quarantine."""

import pytest

from tests.pipeline.acquire.shapes.reading import bot, messages, outcomes, refused, talk, user

CALL = '{"name": "f", "arguments": {"x": 1}}'
CALLED = [("user", "q"), ("assistant", CALL), ("tool", "2"), ("assistant", "It is 2.")]
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


@pytest.mark.parametrize(
    "record",
    [
        talk(user([{"type": "text", "text": "What?"}, IMAGE]), bot("A dog.")),
        talk(user([IMAGE]), bot("A dog.")),
        talk(user([{"type": "image"}, {"type": "text", "text": "What?"}]), bot("A dog."), images=["a.png"]),
        talk(user([{"type": "input_audio", "input_audio": {}}]), bot("A song.")),
        talk(user([{"type": "document", "source": {}}, {"type": "text", "text": "Sum up."}]), bot("Well.")),
        talk(user("What?", images=["a.png"]), bot("A dog.")),
        talk(user("What? <|vision_start|><|image_pad|><|vision_end|>"), bot("A dog.")),
        {"question": "What?", "answer": "A dog.", "picture": "a.png"},
        talk(user("Draw."), bot([{"type": "image", "source": {}}])),
        {"image": "a.png", "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A dog."}]},
        {"conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A dog."}]},
        {"question": "What?", "answer": "A dog.", "image": {"bytes": None, "path": "a.png"}},
        {
            "contents": [
                user(None, parts=[{"text": "q"}, {"inlineData": {}}]),
                {"role": "model", "parts": [{"text": "a"}]},
            ]
        },
    ],
)
def test_what_rests_on_an_image_or_a_sound_is_quarantined(record):
    (found,) = outcomes(record)
    assert refused(found)[0] == "missing_part"
    assert "example.org" not in refused(found)[1]


@pytest.mark.parametrize(
    "record",
    [
        talk(user([{"type": "text", "text": "hi"}]), bot([{"type": "output_text", "text": "yo"}])),
        talk(user("hi"), bot("yo"), images=[]),
        talk(user("hi", attachments=[]), bot("yo")),
        {"question": "hi", "answer": "yo", "image": None},
        {"contents": [user(None, parts=[{"text": "hi"}]), {"role": "model", "parts": [{"text": "yo"}]}]},
    ],
)
def test_text_in_parts_is_text(record):
    (found,) = outcomes(record)
    assert messages(found) == [("user", "hi"), ("assistant", "yo")]


def test_a_word_about_images_is_no_image():
    (found,) = outcomes(talk(user("What does <image> mean in SVG?"), bot("It embeds one.")))
    assert messages(found)[0][1] == "What does <image> mean in SVG?"


@pytest.mark.parametrize(
    "turns",
    [
        [
            bot(None, tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]),
            {"role": "tool", "tool_call_id": "1", "content": "2"},
        ],
        [
            bot(None, function_call={"name": "f", "arguments": '{"x": 1}'}),
            {"role": "function", "name": "f", "content": "2"},
        ],
        [
            bot([{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]),
            user([{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "2"}]}]),
        ],
        [{"role": "function_call", "content": CALL}, {"role": "observation", "content": "2"}],
        [
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": 2}}]},
        ],
        [bot(CALL, channel="commentary", recipient="functions.f"), {"role": "tool", "content": "2"}],
    ],
)
def test_a_call_and_its_result_are_turns_of_their_own(turns):
    (found,) = outcomes(talk(user("q"), *turns, bot("It is 2.")))
    assert messages(found) == CALLED
    assert found.metadata == {"tool_turns": "1"}


def test_words_before_a_call_are_never_joined_to_the_answer_over_its_result():
    called = [{"type": "text", "text": "Let me look."}, {"type": "tool_use", "name": "f", "input": {"x": 1}}]
    (found,) = outcomes(talk(user("q"), bot(called), {"role": "tool", "content": "2"}, bot("It is 2.")))
    assert messages(found)[1:] == [("assistant", f"Let me look.\n{CALL}"), ("tool", "2"), ("assistant", "It is 2.")]


@pytest.mark.parametrize("result", [[], [{"role": "tool", "content": ""}], [{"role": "tool", "content": None}]])
def test_a_reply_without_the_result_that_it_rests_on_is_never_learned(result):
    call = bot(None, tool_calls=[{"function": {"name": "f", "arguments": {"x": 1}}}])
    (found,) = outcomes(talk(user("q"), call, *result, bot("It is 2."), user("Sure?"), bot("Yes.")))
    assert messages(found) == [("user", "q"), ("assistant", CALL)]
    assert found.left_out == ("turns on a missing part",)
    assert found.metadata == {"missing_part": "a reply rests on what a tool returned, which is absent or empty"}


def test_a_conversation_may_end_with_a_call():
    (found,) = outcomes(talk(user("q"), bot(None, tool_calls=[{"function": {"name": "f", "arguments": '{"x": 1}'}}])))
    assert messages(found) == CALLED[:2]


@pytest.mark.parametrize("tools", [[{"name": "f"}], '[{"name": "f"}]'])
def test_the_tools_are_told_in_the_system_text(tools):
    (found,) = outcomes(talk({"role": "system", "content": "Be brief."}, user("q"), bot("a"), tools=tools))
    assert messages(found)[0] == ("system", 'Be brief.\nYou may call these tools:\n{"name": "f"}')


@pytest.mark.parametrize("tools", [None, [], "[]", ""])
def test_without_tools_nothing_is_told(tools):
    (found,) = outcomes(talk(user("q"), bot("a"), tools=tools))
    assert messages(found)[0] == ("user", "q")


@pytest.mark.parametrize(
    "record",
    [
        talk(user("2+2?"), bot("4", reasoning_content="two and two")),
        talk(user("2+2?"), bot([{"type": "thinking", "thinking": "two and two"}, {"type": "text", "text": "4"}])),
        talk(user("2+2?"), bot("two and two", channel="analysis"), bot("4", channel="final")),
        {"question": "2+2?", "reasoning": "two and two", "answer": "4"},
        {"instruction": "2+2?", "complex_cot": "two and two", "output": "4"},
        {"question": "2+2?", "rationale": "two and two", "answer": "4"},
        {"question": "2+2?", "deepseek_reasoning": "two and two", "answer": "4"},
        {"question": "2+2?", "thinking_trajectory": "two and two", "answer": "4"},
        {"question": "2+2?", "chainofthought": "two and two", "answer": "4"},
        {"question": "2+2?", "Chain_of_Thought": "two and two", "answer": "4"},
        {"prompt": [user("2+2?")], "completion": [bot("4")], "CoT": "two and two"},
        talk(user("2+2?"), bot("4", thoughts="two and two")),
        talk(user("2+2?"), bot("4", rationale="two and two")),
        talk(user("2+2?"), bot("4"), reasoning="two and two"),
    ],
)
def test_reasoning_is_never_joined_to_the_reply_and_told_when_it_is_left_out(record):
    (found,) = outcomes(record)
    assert messages(found) == [("user", "2+2?"), ("assistant", "4")]
    assert found.left_out == ("reasoning",)
    (kept,) = outcomes(record, reasoning="keep")
    assert messages(kept)[1] == ("assistant", "<think>\ntwo and two\n</think>\n\n4")
    assert kept.left_out == ()


@pytest.mark.parametrize("system", ["s", [{"type": "text", "text": "s"}], {"parts": [{"text": "s"}]}])
def test_a_system_text_may_be_in_parts(system):
    (found,) = outcomes(talk(user("q"), bot("a"), system=system))
    assert messages(found)[0] == ("system", "s")


def test_turns_that_were_written_out_as_json_are_turns():
    (found,) = outcomes({"messages": ['{"role": "user", "content": "q"}', '{"role": "assistant", "content": "a"}']})
    assert messages(found) == [("user", "q"), ("assistant", "a")]


@pytest.mark.parametrize("column", ["reasoning_effort", "thinking_budget", "has_reasoning", "reasoning_tokens"])
def test_what_only_counts_reasoning_is_none(column):
    (found,) = outcomes({"question": "2+2?", column: "high", "answer": "4"}, reasoning="keep")
    assert messages(found)[1] == ("assistant", "4")


def test_reasoning_before_a_worse_reply_is_never_learned():
    (found,) = outcomes({"prompt": "2+2?", "chosen": "4", "rejected": "5", "rationale": "two and two"})
    assert (messages(found), found.left_out) == ([("user", "2+2?"), ("assistant", "4")], ("reasoning",))


HELLO = [user("Say hello."), bot("Hello.")]


@pytest.mark.parametrize(
    "later",
    [
        [user([{"type": "text", "text": "And this?"}, IMAGE]), bot("A dog.")],
        [user("And this?\n<image>"), bot("A dog."), user("Sure?"), bot("Yes.")],
        [user("And this?", images=["a.png"]), bot("A dog.")],
        [user("Draw one."), bot([IMAGE]), user("Nice."), bot("Thanks.")],
        [user("Look."), user("<image>"), bot("A dog.")],
    ],
)
@pytest.mark.parametrize("more", [{}, {"images": ["a.png"]}])
def test_what_comes_before_an_image_stays_and_the_rest_is_counted(later, more):
    (found,) = outcomes(talk(*HELLO, *later, **more))
    assert messages(found) == [("user", "Say hello."), ("assistant", "Hello.")]
    assert found.left_out == ("turns on a missing part",)
    assert found.metadata["missing_part"].startswith("turn ")


def test_an_image_that_stands_nowhere_in_the_turns_takes_the_whole_conversation():
    (found,) = outcomes(talk(*HELLO, user("And this?"), bot("A dog."), image="a.png"))
    assert refused(found) == ("missing_part", "the conversation rests on image")


@pytest.mark.parametrize(
    "text",
    [
        "What is in <image> here?",
        "Compare <image> and <image>, please.",
        "See <image 1> and <image_2>.",
        "<|image_1|> What?",
    ],
)
def test_an_image_is_missed_wherever_it_is_named(text):
    (found,) = outcomes(talk(user(text), bot("A dog.")))
    assert refused(found)[0] == "missing_part"


@pytest.mark.parametrize(
    "record",
    [
        {"question": "<image>\nWhat?", "answer": "A dog."},
        {"instruction": "What is <image>?", "output": "A dog."},
        {"text": "USER: <image>\nWhat?\nASSISTANT: A dog."},
        {"prompt": "<image>\nWhat?", "chosen": "A dog.", "rejected": "A cat."},
        {"dialog": ["<image>\nWhat?", "A dog."]},
        talk(user("See data:image/png;base64," + "iVBORw0KGgo" * 9), bot("A dog.")),
        talk(user("What?", experimental_attachments=[{"url": "a.png"}]), bot("A dog.")),
    ],
)
def test_an_image_is_missed_in_every_shape(record):
    (found,) = outcomes(record)
    assert refused(found)[0] == "missing_part"


def test_in_a_transcript_too_what_comes_before_an_image_stays():
    (found,) = outcomes({"text": "USER: Hi.\nASSISTANT: Hello.\nUSER: <image>\nWhat?\nASSISTANT: A dog."})
    assert messages(found) == [("user", "Hi."), ("assistant", "Hello.")]
    assert found.left_out == ("turns on a missing part",)


@pytest.mark.parametrize(
    "text",
    ["Is <image> an SVG element?", "Why does `<video>` not play?", "<image href='a'> in my page", "Close it: </video>"],
)
def test_markup_of_that_name_is_none(text):
    (found,) = outcomes(talk(user(text), bot("Well.")))
    assert messages(found)[0] == ("user", text)


GLAIVE = (
    'USER: What is 2 USD in EUR?\n\n\nASSISTANT: <functioncall> {"name": "rate"} <|endoftext|>\n\n\n'
    'FUNCTION RESPONSE: {"rate": 0.9}\n\n\nASSISTANT: 1.80 EUR. <|endoftext|>'
)
EXCHANGED = [
    ("user", "What is 2 USD in EUR?"),
    ("assistant", '{"name": "rate"}'),
    ("tool", '{"rate": 0.9}'),
    ("assistant", "1.80 EUR."),
]


def test_calls_and_results_as_glaive_writes_them_are_turns():
    (found,) = outcomes({"system": "SYSTEM: You may call rate.", "chat": GLAIVE})
    assert messages(found) == [("system", "You may call rate."), *EXCHANGED]


def test_the_same_in_a_list_of_turns():
    said = [
        ("human", "What is 2 USD in EUR?"),
        ("gpt", 'Let me see. <functioncall> {"name": "rate"}'),
        ("human", 'FUNCTION RESPONSE: {"rate": 0.9}'),
        ("gpt", "1.80 EUR."),
    ]
    (found,) = outcomes({"conversations": [{"from": who, "value": text} for who, text in said]})
    assert messages(found) == [EXCHANGED[0], ("assistant", 'Let me see.\n{"name": "rate"}'), *EXCHANGED[2:]]


@pytest.mark.parametrize(
    "record",
    [
        talk(user("2 + 2?"), bot("<think>\nI add.\n</think>\n\n4")),
        talk(user("2 + 2?"), bot("4", reasoning_content="I add.")),
        talk(user("2 + 2?"), bot("<thinking>I add.</thinking>4"), system="You count."),
        {"question": "2 + 2?", "answer": "<think>I add.</think> 4"},
        {"instruction": "2 + 2?", "input": "", "output": "\n<think>I add.</think>\n4"},
        {"prompt": "2 + 2?", "chosen": "<think>I add.</think>4", "rejected": "<think>I guess.</think>5"},
    ],
)
def test_what_a_model_thought_is_left_out_or_kept_wherever_it_stands(record):
    (found,) = outcomes(record)
    assert messages(found)[-2:] == [("user", "2 + 2?"), ("assistant", "4")]
    assert "reasoning" in found.left_out
    assert found.rejected in ([], [("assistant", "5")])
    (found,) = outcomes(record, reasoning="keep")
    assert messages(found)[-1] == ("assistant", "<think>\nI add.\n</think>\n\n4")
    assert "reasoning" not in found.left_out


def test_thoughts_that_are_none_leave_nothing_and_those_without_an_end_are_as_they_are():
    empty, endless, asked = outcomes(
        talk(user("2 + 2?"), bot("<think>\n\n</think>\n\n4")),
        talk(user("2 + 2?"), bot("<think>I add")),
        talk(user("<think>What is</think> this tag?"), bot("It holds <think>thoughts</think>.")),
    )
    assert (messages(empty)[-1], empty.left_out) == (("assistant", "4"), ())
    assert messages(endless)[-1] == ("assistant", "<think>I add")
    assert messages(asked) == [
        ("user", "<think>What is</think> this tag?"),
        ("assistant", "It holds <think>thoughts</think>."),
    ]


def test_a_reply_that_is_nothing_but_thoughts_is_none():
    (found,) = outcomes(talk(user("2 + 2?"), bot("<think>I add.</think>")))
    assert refused(found)[0] == "no_reply"
