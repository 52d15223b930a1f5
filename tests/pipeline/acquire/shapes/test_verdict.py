"""A reply that people marked as bad is never learned as a good one."""

from decimal import Decimal

import pytest

from pipeline.acquire.shapes.verdict import scale_of, verdict_name
from tests.pipeline.acquire.shapes.reading import bot, messages, outcomes, refused, talk, user


@pytest.mark.parametrize(
    ("column", "good", "bad", "said"),
    [
        ("label", True, False, "label is false"),
        ("label", 1, 0, "label is 0"),
        ("label", "good", "bad", "label is bad"),
        ("kto_tag", "true", "False", "kto_tag is False"),
        ("rating", 5, 1, "rating is 1"),
        ("user_rating", "4", "2", "user_rating is 2"),
        ("Rating", 9, 3, "Rating is 3"),
        ("score", 0.9, 0.2, "score is 0.2"),
        ("quality_score", 80, 10, "quality_score is 10"),
        ("reward", 1.5, -0.5, "reward is -0.5"),
        ("stars", 5, 1, "stars is 1"),
        ("thumbs", "up", "down", "thumbs is down"),
        ("thumb", "👍", "👎", "thumb is 👎"),
        ("thumbs_up", True, False, "thumbs_up is false"),
        ("feedback", "positive", "negative", "feedback is negative"),
        ("human_feedback", "thumbs_up", "thumbs_down", "human_feedback is thumbs_down"),
        ("feedback", {"rating": "up"}, {"rating": "down"}, "feedback is bad"),
        ("accepted", True, False, "accepted is false"),
        ("is_correct", "yes", "no", "is_correct is no"),
        ("vote", 1, -1, "vote is -1"),
        ("status", "approved", "rejected", "status is rejected"),
        ("rejected", False, True, "rejected is true"),
        ("thumbsDown", 0, 1, "thumbsDown is 1"),
        ("chosen", True, False, "chosen is false"),
        ("weight", 0.2, 0, "weight is 0"),
        ("rating", "4/5", "1/5", "rating is 1/5"),
        ("stars", "★★★★☆", "★☆☆☆☆", "stars is ★☆☆☆☆"),
        ("rating", "5 stars", "1 star", "rating is 1 star"),
        ("KTO_Label", True, False, "KTO_Label is false"),
        ("preference_label", "chosen", "rejected", "preference_label is rejected"),
        ("avg_rating", 4.5, 1.5, "avg_rating is 1.5"),
        ("is_acceptable", 1, 0, "is_acceptable is 0"),
        ("reaction", "👍", "👎", "reaction is 👎"),
        ("keep", True, False, "keep is false"),
        ("gold_label", 1, 0, "gold_label is 0"),
        ("final_label", "good", "bad", "final_label is bad"),
        ("is_safe", True, False, "is_safe is false"),
        ("is_harmful", False, True, "is_harmful is true"),
        ("response_unsafe", 0, 1, "response_unsafe is 1"),
        ("harmful", 0.1, 0.9, "harmful is 0.9"),
        ("is_correct_answer", True, False, "is_correct_answer is false"),
        ("was_helpful_response", 1, 0, "was_helpful_response is 0"),
        ("bad_response", False, True, "bad_response is true"),
        ("grade", "A", "F", "grade is F"),
        ("correctness_label", 1, 0, "correctness_label is 0"),
        ("answer_correct", True, False, "answer_correct is false"),
        ("feedback", {"rating": 4, "comment": "x"}, {"rating": 1, "comment": "y"}, "feedback is bad"),
        ("score", {"value": 1}, {"value": 0}, "score is bad"),
        ("feedback", {"value": "up"}, {"value": "down"}, "feedback is bad"),
        ("kto", True, False, "kto is false"),
        ("binary_label", 1, 0, "binary_label is 0"),
        ("star_rating", 5, 1, "star_rating is 1"),
        ("thumb_rating", "up", "down", "thumb_rating is down"),
        ("accepted_answer", True, False, "accepted_answer is false"),
        ("success", True, False, "success is false"),
        ("discard", False, True, "discard is true"),
        ("exclude", "no", "yes", "exclude is yes"),
        ("score", "100%", "0%", "score is 0%"),
        ("feedback", "satisfied", "dissatisfied", "feedback is dissatisfied"),
        ("rating", {"value": 5}, {"value": 1}, "rating is bad"),
    ],
)
@pytest.mark.parametrize("shape", ["columns", "alpaca", "messages", "text", "completion"])
def test_a_bad_reply_is_quarantined_by_a_rule_that_names_the_column(column, good, bad, said, shape):
    record = {
        "columns": {"prompt": "hi", "response": "hello"},
        "alpaca": {"instruction": "hi", "input": "", "output": "hello"},
        "messages": talk(user("hi"), bot("hello")),
        "text": {"text": "User: hi\nBot: hello"},
        "completion": {"prompt": [user("hi")], "completion": [bot("hello")]},
    }[shape]
    liked, disliked, silent = outcomes({**record, column: good}, {**record, column: bad}, {**record, column: None})
    assert messages(liked) == messages(silent) == [("user", "hi"), ("assistant", "hello")]
    assert refused(disliked) == ("rejected", said)


def test_a_verdict_that_comes_late_is_heeded_too():
    good = {"prompt": "hi", "response": "hello"}
    *_, last = outcomes(*[good] * 300, {**good, "kto_tag": False})
    assert refused(last) == ("rejected", "kto_tag is false")


def test_the_profiles_mapping_does_not_silence_a_verdict():
    columns = {"prompt": ["q"], "reply": "a"}
    kept, dropped = outcomes(
        {"q": "hi", "a": "yo", "label": True}, {"q": "hi", "a": "no", "label": False}, columns=columns
    )
    assert messages(kept)[1] == ("assistant", "yo")
    assert refused(dropped)[0] == "rejected"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("label", [0, 1, 2, 7]),  # classes
        ("label", ["negative", "positive"]),  # sentiments
        ("correct", [0, 1, 2, 3]),  # options
        ("score", [0, 5, 1200]),  # votes
        ("upvotes", [0, 3]),
        ("toxicity_score", [0.0, 0.9]),
        ("quality", ["low", "high"]),
        ("feedback", ["The clerk was rude.", "Fine."]),
        ("title", ["bad", "good"]),
        ("bad_response", ["No.", "Go away"]),
        ("gold_label", ["entailment", "contradiction"]),
        ("grade", ["B", "C"]),
        ("final_answer_type", [0, 1]),
    ],
)
def test_what_is_no_verdict_on_the_reply_drops_nothing(column, values):
    found = outcomes(*[{"prompt": "hi", "response": "hello", column: value} for value in values])
    assert all(messages(one)[-1] == ("assistant", "hello") for one in found)


def test_a_bool_label_that_is_the_only_answer_stays_the_answer():
    (found,) = outcomes({"question": "is it", "passage": "Text.", "label": False})
    assert messages(found) == [("user", "Text.\n\nis it"), ("assistant", "No")]


@pytest.mark.parametrize(
    ("column", "values", "scale"),
    [
        ("rating", [1, 5, 3], 2.5),
        ("rating", [1, 1], 2.5),
        ("rating", [0, 1], 0.5),
        ("score", ["0.1", "0.7"], 0.5),
        ("score", [-3, 900], 0.0),
        ("rating", [2, 8], 5.0),
        ("quality_score", [30, 95], 50.0),
        ("rating", [Decimal("1.0"), Decimal("4.5")], 2.5),
        ("score", [1, 3, 5], 2.5),
        ("score", [1, 3, 37, 12, 5, 2, 8], 0.0),  # votes
        ("grade", [1, 4, 8], 0.0),  # years of school
        ("score", [0, 4000], 0.0),
        ("helpfulness", [0, 4], 2.5),
        ("rating", ["good", None, True], None),
    ],
)
def test_the_scale_of_numbers_is_what_the_first_records_show(column, values, scale):
    assert scale_of(column, values) == scale


def test_a_name_is_a_verdict_by_all_of_its_words():
    assert [verdict_name(c) for c in ("userRating", "is_accepted", "kto_tag", "overall_score")] == [
        "rating",
        "accepted",
        "ktotag",
        "score",
    ]
    assert [verdict_name(c) for c in ("score_chosen", "questionLabelled", "rated_by", "")] == [None] * 4


@pytest.mark.parametrize(
    "mark",
    [
        {"weight": 0},
        {"weight": 0.0},
        {"weight": -1},
        {"loss_mask": 0},
        {"train_on_turn": "no"},
        {"no_loss": True},
        {"train": False},
        {"trainable": False},
        {"loss": False},
        {"loss": "false"},
        {"loss_weight": 0},
        {"masked": True},
        {"rating": "down"},
        {"feedback": "bad"},
        {"accepted": False},
    ],
)
@pytest.mark.parametrize(("role", "text"), [("role", "content"), ("from", "value")])
def test_a_turn_that_is_not_to_be_learned_is_context(mark, role, text):
    turns = [("user", "7 times 8?", {}), ("assistant", "54", mark), ("user", "no", {}), ("assistant", "56", {})]
    (found,) = outcomes({"conversations": [{role: who, text: said} | more for who, said, more in turns]})
    assert [said for _, said in messages(found)] == ["7 times 8?", "54", "no", "56"]
    assert found.metadata == {"not_learned": "1"}


def test_a_turn_of_an_unknown_speaker_that_is_not_to_be_learned_is_never_learned():
    said = [{"speaker": "Ann", "text": "hi"}, {"speaker": "Ben", "text": "no", "weight": 0}]
    assert refused(outcomes({"messages": said})[0])[0] == "unknown_role"


@pytest.mark.parametrize("mark", [{"weight": 1}, {"train": True}, {"loss": True}, {"loss": 0.7}, {"weight": None}])
def test_a_turn_that_is_to_be_learned_is_learned(mark):
    (found,) = outcomes(talk(user("hi"), bot("hello", **mark)))
    assert (messages(found)[1], found.metadata) == (("assistant", "hello"), {})


def test_a_turn_that_nobody_voted_on_is_learned_and_one_that_is_not_learned_is_counted():
    said = [user("hi"), bot("hello", score=0), user("and"), bot("no", score=-2), user("so"), bot("yes", score=3)]
    (found,) = outcomes(talk(*said))
    assert found.metadata == {"not_learned": "3"}
    assert found.left_out == ("loss on a reply",)


@pytest.mark.parametrize("mark", [{"weight": 0.5}, {"weight": 2}, {"loss_weight": 0.1}])
def test_a_weight_between_none_and_one_counts_as_one_and_is_told(mark):
    (turn,) = outcomes(talk(user("hi"), bot("hello", **mark)))
    (row, _) = outcomes(
        {"prompt": "hi", "response": "yo", "weight": 0.5}, {"prompt": "hi", "response": "yo", "weight": 1}
    )
    assert messages(turn)[1] == ("assistant", "hello")
    assert turn.left_out == row.left_out == ("fractional weight",)


def test_a_conversation_of_which_nothing_is_to_be_learned_is_quarantined():
    bad, _ = outcomes(talk(user("hi"), bot("hello", weight=0)), talk(user("hi"), bot("hello", weight=1)))
    assert refused(bad)[0] == "not_learned"


@pytest.mark.parametrize(
    "record",
    [
        {"question": "hi", "answers": [{"text": "no", "selected": False}, {"text": "hello", "selected": True}]},
        {"question": "hi", "answers": [{"author": "a", "text": "no"}, {"author": "b", "text": "hello", "pm_score": 7}]},
        {"instruction": "hi", "completions": [{"response": "no", "score": 2}, {"response": "hello", "score": 9}]},
        {
            "instruction": "hi",
            "completions": [{"response": "no", "overall_score": 2.5}, {"response": "hello", "overall_score": 9.0}],
            "correct_answers": ["None"],
        },
    ],
)
def test_of_several_answers_the_best_is_the_reply(record):
    (found,) = outcomes(record)
    assert messages(found) == [("user", "hi"), ("assistant", "hello")]
    assert found.left_out == ("further answer",)


@pytest.mark.parametrize(
    ("good", "bad"), [("response", "rejected_response"), ("y_w", "y_l"), ("good_response", "bad_response")]
)
def test_a_worse_side_is_kept_by_whatever_name(good, bad):
    (found,) = outcomes({"prompt": "hi", good: "hello", bad: "no"})
    assert messages(found) == [("user", "hi"), ("assistant", "hello")]
    assert found.rejected == [("assistant", "no")]


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"metadata": {"label": "bad"}}, "metadata.label is bad"),
        ({"meta": {"id": 7, "is_safe": False}}, "meta.is_safe is false"),
        ({"annotations": {"thumbs": "down"}}, "annotations.thumbs is down"),
    ],
)
def test_a_verdict_in_an_object_beside_the_conversation_counts(beside, said):
    for record in (talk(user("2 + 2?"), bot("5"), **beside), {"prompt": "2 + 2?", "response": "5", **beside}):
        (found,) = outcomes(record)
        assert refused(found) == ("rejected", said)


@pytest.mark.parametrize("beside", [{"label": "good"}, {"is_safe": True}, {"label": 0}, {"text": "bad"}, "bad", None])
def test_what_such_an_object_says_besides_does_not(beside):
    (found,) = outcomes(talk(user("2 + 2?"), bot("4"), metadata=beside))
    assert messages(found) == [("user", "2 + 2?"), ("assistant", "4")]
