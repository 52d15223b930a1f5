"""Batches that go to Python and come back, without Spark."""

import pyarrow as pa

from configs.clean import Pii, Text
from pipeline.clean.repair.repair import Repair
from pipeline.clean.score_columns import ARROW_SCORES, with_scores
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.rows.schema import MESSAGES, METADATA
from pipeline.rows.turns import turns_of

CONTACT = (("contact", "a@x.org"), ("topic", "cats"))


def scored(
    conversations: list[list[dict[str, str | None]] | None],
    user: str | None = None,
    metadata: tuple[tuple[str, str], ...] = CONTACT,
    conversation: str = "call-7",
    row: str = "r",
) -> pa.RecordBatch:
    count = len(conversations)
    batch = pa.RecordBatch.from_pydict(
        {
            "row_id": pa.array([f"{row}{i}" for i in range(count)], pa.string()),
            "conversation_id": pa.array([conversation] * count, pa.string()),
            "user_id": pa.array([user] * count, pa.string()),
            "messages": pa.array(conversations, MESSAGES),
            "metadata": pa.array([list(metadata)] * count, METADATA),
        }
    )
    types = Pii().types
    return with_scores(
        batch, score_conversations(turns_of(batch["messages"]), Preparation(Repair(Text()), types)), types
    )


def test_contents_are_replaced_and_every_score_has_its_type() -> None:
    messages: list[dict[str, str | None]] = [
        {"role": "user", "content": "I am jane@x.org"},
        {"role": "assistant", "content": None},
    ]
    batch = scored([messages])
    assert [m["content"] for m in batch["messages"][0].as_py()] == ["I am <EMAIL_1>", ""]
    assert {name: batch.schema.field(name).type for name in ARROW_SCORES} == ARROW_SCORES
    assert batch["pii"][0].as_py() == [
        {"turn": 0, "type": "EMAIL", "start": 5, "end": 15, "placeholder": "<EMAIL_1>"},
    ]
    assert batch["turn_languages"][0].as_py() == [{"code": "und", "confidence": 0.0}] * 2


def test_personal_data_outside_the_turns_is_masked() -> None:
    batch = scored([[{"role": "user", "content": "hello"}]], user="jane@x.org")
    assert batch["metadata"][0].as_py() == [("contact", "<EMAIL>"), ("topic", "cats")]
    assert batch["user_id"][0].as_py().startswith("id-")
    assert batch["conversation_id"][0].as_py() == "call-7"


def test_a_row_id_that_looks_like_an_account_number_is_none() -> None:
    row = "ae599dc0471b31da0d2846b609c5fdb"
    said: list[dict[str, str | None]] = [{"role": "user", "content": "hello"}]
    assert scored([said], conversation=f"{row}0", row=row)["conversation_id"][0].as_py() == f"{row}0"
    assert scored([said], conversation=f"{row}0")["conversation_id"][0].as_py().startswith("id-")


def test_faults_in_the_order_of_turns_are_those_there_and_those_that_acquire_mended() -> None:
    roles = ("user", "assistant", "system", "user", "assistant")
    messages: list[dict[str, str | None]] = [{"role": role, "content": "hello there"} for role in roles]
    batch = scored([messages], metadata=(("role_faults", "unanswered, assistant_first"),))
    assert batch["role_faults"].to_pylist() == [["assistant_first", "system_later", "unanswered"]]


def test_no_rows_and_a_row_without_messages_pass() -> None:
    assert scored([]).num_rows == 0
    assert scored([None, []])["chars"].to_pylist() == [0, 0]
