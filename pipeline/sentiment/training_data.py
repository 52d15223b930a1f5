"""Labelled texts that an emotion model is trained on, as a user brings them: `audit.emotion.training_data`.

CSV and TSV with a header that names the columns `text` and `label`, and JSON Lines with these keys, all also gzipped; a
TSV without a header has the text first and the label second, which is how GoEmotions is published. A label is the name
of an emotion or its number in the order of EMOTIONS; of several, separated by a comma, each counts in part.
"""

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.fingerprint import FileHashes
from pipeline.contract.raw_inputs import file_hashes
from pipeline.people.lists import shipped
from pipeline.sentiment.emotions import EMOTIONS, POLARITIES

KEY = "audit.emotion.training_data"
DEFAULT = Path(__file__).with_name("emotion_model.json")
"""The model that is taken when nothing is trained; made by benchmarks/emotion_model.py from GoEmotions."""

LEAST_ROWS = 20
"""Of each emotion that occurs: with fewer, a fifth of them measures nothing."""

Labels = frozenset[str]
"""The emotions of one text."""

Labelled = tuple[str, Labels]


def check(profile: Profile) -> None:
    """Raises UserError when a model could not be trained on what the profile names."""
    if profile.audit.emotion.training_data:
        labelled_rows(profile.audit.emotion.training_data)


def raw_inputs(profile: Profile, hashes: FileHashes) -> dict[str, str]:
    """Label to content hash of what the model is made from: the labelled files, or the default model's."""
    path = profile.audit.emotion.training_data
    files = [(DEFAULT.name, DEFAULT)]
    if path:
        files = [(f"{KEY}/{file.name}", file) for file in files_of(path)]
        files += [(f"words/{file.name}", file) for file in shipped().values()]  # what the model does not see
    return dict(zip((label for label, _ in files), file_hashes(KEY, files, hashes), strict=True))


def labelled_rows(path: str) -> list[Labelled]:
    """All rows of a file or folder. Raises UserError, naming file and row, for one that cannot be learned from."""
    rows = [row for file in files_of(path) for row in rows_of(file)]
    counts = Counter(emotion for _, labels in rows for emotion in labels)
    signs = {POLARITIES[emotion] for emotion in counts if emotion != "surprise"}
    if missing := [name for sign, name in ((-1, "anger"), (0, "neutral"), (1, "joy")) if sign not in signs]:
        raise UserError(
            f"{KEY}: {path}: no row is labelled {missing[0]}; a model of sentiment needs joy, neutral and at "
            "least one of anger, disgust, fear and sadness"
        )
    few = min(counts, key=lambda emotion: (counts[emotion], emotion))
    if counts[few] < LEAST_ROWS:
        raise UserError(
            f"{KEY}: {path}: only {counts[few]} rows are labelled {few}; add some until it has {LEAST_ROWS}, or leave "
            "the emotion out"
        )
    return rows


def files_of(path: str) -> list[Path]:
    """The file, or those of the folder that a reader is for, by name. Raises UserError when there is none."""
    place = Path(path)
    if place.is_file():
        files = [place]
    elif place.is_dir():
        files = sorted(file for file in place.iterdir() if _format(file) in READERS)
    else:
        raise UserError(f"{KEY}: {path} is not there; name a file or folder of labelled texts, or leave it empty")
    if not files or _format(files[0]) not in READERS:
        raise UserError(f"{KEY}: {path}: no CSV, TSV or JSON Lines file (.csv, .tsv, .jsonl, each also .gz)")
    return files


def rows_of(file: Path) -> Iterator[Labelled]:
    """The labelled texts of one file. Raises UserError."""
    opened: Callable[..., TextIO] = gzip.open if file.suffix == ".gz" else open  # type: ignore[assignment]
    row = 0
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            for row, text, label in READERS[_format(file)](lines, file):
                yield text, _labels(label, file, row, text)
    except (UnicodeDecodeError, EOFError, OSError, zlib.error, csv.Error) as error:
        raise UserError(f"{KEY}: {file}: cannot be read after row {row} ({error}); save it again as UTF-8") from error


def _csv(lines: TextIO, file: Path) -> Iterator[tuple[int, str, Any]]:
    reader = csv.reader(lines)
    header = [name.strip().lower() for name in next(reader, [])]
    text, label = _columns(header, file)
    for row, cells in enumerate(reader, 2):
        if cells:
            yield row, *_two(cells, text, label, file, row)


def _tsv(lines: TextIO, file: Path) -> Iterator[tuple[int, str, Any]]:
    text, label = 0, 1
    for row, line in enumerate(lines, 1):
        cells = line.rstrip("\r\n").split("\t")
        names = [cell.strip().lower() for cell in cells]
        if row == 1 and {"text", "label"} & set(names):
            text, label = _columns(names, file)
        elif line.strip():
            yield row, *_two(cells, text, label, file, row)


def _json_lines(lines: TextIO, file: Path) -> Iterator[tuple[int, str, Any]]:
    for row, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"{KEY}: {file}, row {row}: no JSON ({error}); each line is one object") from error
        if not isinstance(record, dict) or not isinstance(record.get("text"), str) or "label" not in record:
            raise UserError(f'{KEY}: {file}, row {row}: expected {{"text": "…", "label": "…"}}; name the keys so')
        yield row, record["text"], record["label"]


READERS = {"csv": _csv, "tsv": _tsv, "jsonl": _json_lines}


def _format(file: Path) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[2].lower()


def _columns(header: list[str], file: Path) -> tuple[int, int]:
    missing = [name for name in ("text", "label") if name not in header]
    if missing:
        raise UserError(f"{KEY}: {file}, row 1: no column is called {missing[0]}; the header needs text and label")
    return header.index("text"), header.index("label")


def _two(cells: list[str], text: int, label: int, file: Path, row: int) -> tuple[str, str]:
    if len(cells) <= max(text, label):
        raise UserError(
            f"{KEY}: {file}, row {row}: {len(cells)} columns, and the label is in number {max(text, label) + 1}; "
            "give each row a text and a label"
        )
    return cells[text], cells[label]


def _labels(label: Any, file: Path, row: int, text: str) -> Labels:
    several = label if isinstance(label, list) else str(label).replace("|", ",").split(",")
    names = [str(one).strip().lower() for one in several]
    found = frozenset(EMOTIONS[int(name)] if name in NUMBERS else name for name in names)
    if wrong := sorted(found - set(EMOTIONS)) or ([] if found else [""]):
        raise UserError(
            f"{KEY}: {file}, row {row}: the label {wrong[0]!r} is none of {', '.join(EMOTIONS)} (or 0 to 6, in this "
            "order); correct it or leave the row out"
        )
    if not text.strip():
        raise UserError(f"{KEY}: {file}, row {row}: the text is empty; leave the row out")
    return found


NUMBERS = {str(number) for number in range(len(EMOTIONS))}
