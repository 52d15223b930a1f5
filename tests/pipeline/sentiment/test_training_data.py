"""Labelled texts are read as people keep them; what cannot be learned from is refused by file, row and remedy."""

import gzip
from pathlib import Path

import pytest

from configs.errors import UserError
from configs.load import load_profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.sentiment.training_data import check, labelled_rows, raw_inputs, rows_of

JOY, TWO = frozenset({"joy"}), frozenset({"joy", "surprise"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,label,text\n1,joy,"I ""love"" it,\nreally"\n2,"joy, surprise",Wow\n'),
        ("a.tsv", 'text\tlabel\nI "love" it,\\nreally\tJoy\nWow\tjoy|surprise\n'),
        ("a.tsv", 'I "love" it\t3\ted2mah1\nWow\t3,6\tee84bjg\n'),
        ("a.jsonl", '{"text": "I love it", "label": "joy"}\n\n{"label": ["joy", "surprise"], "text": "Wow"}\n'),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_tables_and_json_lines_are_read_also_gzipped(tmp_path: Path, name: str, content: str, zipped: bool) -> None:
    file = tmp_path / (name + ".gz" * zipped)
    file.write_bytes(gzip.compress(content.encode()) if zipped else content.encode())
    (first, one), (second, two) = rows_of(file)
    assert first.startswith("I ")
    assert "love" in first
    assert second == "Wow"
    assert (one, two) == (JOY, TWO)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,emotion\nso,joy\n", "a.csv, row 1: no column is called label; the header needs text and label"),
        ("a.csv", "text,label\nso,joy\nso\n", "a.csv, row 3: 1 columns, and the label is in number 2; give each row"),
        ("a.csv", "text,label\nso,happy\n", "row 2: the label 'happy' is none of anger, disgust, fear, joy, neutral"),
        ("a.csv", "text,label\nso,\n", "row 2: the label '' is none of"),
        ("a.csv", "text,label\n ,joy\n", "row 2: the text is empty; leave the row out"),
        ("a.tsv", "so\t3\nsuch\t7\n", "row 2: the label '7' is none of"),
        ("a.jsonl", '{"text": "so", "label": "joy"}\n{"text": \n', "a.jsonl, row 2: no JSON"),
        ("a.jsonl", '{"text": "so"}\n', 'row 1: expected {"text": "…", "label": "…"}; name the keys so'),
        ("a.jsonl", '["so", "joy"]\n', "row 1: expected"),
        ("a.jsonl", '{"text": "so", "label": []}\n', "row 1: the label '' is none of"),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_named(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as error:
        list(rows_of(tmp_path / name))
    assert str(error.value).startswith(f"audit.emotion.training_data: {tmp_path / name}, row ")
    assert message in str(error.value)


def test_a_damaged_file_and_another_encoding_are_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,label\n" + b"so it goes,joy\n" * 1000)
    for name, content in (("a.csv.gz", whole[: len(whole) // 2]), ("b.csv", b"text,label\ncaf\xe9,joy\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: cannot be read after row .*; save it again as UTF-8"):
            list(rows_of(tmp_path / name))


def table(*emotions: str, each: int = 20) -> str:
    return "text,label\n" + "".join(f"{emotion} {n},{emotion}\n" for emotion in emotions for n in range(each))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table("joy", "anger"), "no row is labelled neutral; a model of sentiment needs joy, neutral and at least one"),
        (table("joy", "neutral", "surprise"), "no row is labelled anger"),
        (table("joy", "neutral", "fear") + table("disgust", each=3)[11:], "only 3 rows are labelled disgust; add some"),
        ("text,label\n", "no row is labelled"),
    ],
)
def test_labels_too_few_for_a_model_of_sentiment_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        labelled_rows(str(tmp_path / "a.csv"))


def test_a_folder_gives_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(table("joy", "neutral"))
    (tmp_path / "b.csv").write_text(table("sadness"))
    (tmp_path / "LICENCE").write_text("…")
    assert len(labelled_rows(str(tmp_path))) == 60


@pytest.mark.parametrize("name", ["nowhere", "empty", "empty/a.xlsx"])
def test_a_place_without_labelled_texts_is_refused_before_anything_starts(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    if name.endswith("xlsx"):
        (tmp_path / name).write_bytes(b"")
    profile = load_profile("scratch", [f"audit.emotion.training_data={tmp_path / name}"])
    with pytest.raises(UserError, match=rf"^audit.emotion.training_data: {tmp_path / name}.* (is not there|no CSV)"):
        check(profile)


def test_contents_decide_the_fingerprint_and_not_where_they_lie(tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "hashes.journal")
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text(table("joy", "neutral", "anger"))
        profile = load_profile("scratch", [f"audit.emotion.training_data={tmp_path / folder / 'a.csv'}"])
        check(profile)
        found.append(raw_inputs(profile, hashes))
    assert found[0] == found[1]
    assert next(iter(found[0])) == "audit.emotion.training_data/a.csv"
    assert "words/en.yaml" in found[0]
    assert list(raw_inputs(load_profile("scratch"), hashes)) == ["emotion_model.json"]
