"""How much there is to do at each stage: rows, text, segments, tokens."""

import math
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from configs.errors import UserError
from configs.profile import Profile
from pipeline.contract.pretrained import pretrained_values
from pipeline.contract.stages import STAGES, conversations_into
from pipeline.planning.hardware import table
from pipeline.planning.history import Shape, load_calibration, shape
from pipeline.planning.sample import sample_sources
from pipeline.planning.selected import most_rows, note

BYTES_A_WORD_PIECE = 4.0
"""Of English text in BERT's vocabulary, special tokens included; only places the border of a segment."""


@dataclass(frozen=True)
class Workload:
    """Rows and text before and after each stage, and what follows from them.

    records: what is read. rows: stage to rows out. text: stage to bytes of text out.
    tokens: of all splits, packed without padding; train_tokens: of the training split.
    """

    records: float
    row_bytes: float
    rows: dict[str, float]
    text: dict[str, float]
    segments: float
    points: float
    bytes_per_token: float
    tokens: float
    train_tokens: float
    test_tokens: float
    vocabulary: int
    waste: float
    stored: dict[str, float]
    bytes_a_packed_token: float
    notes: dict[str, str] = field(default_factory=dict)


def workload(profile: Profile, root: Path) -> Workload:
    """What the run will have to work on.

    Rows and text come from plan.rows, else from a sample of the sources. What happens to them comes from
    what earlier runs (or a calibration) over the same sources saw, else from configs/rates.yaml.
    Raises UserError, naming the keys, when the data is not at hand and the profile does not say how much there is.
    """
    notes: dict[str, str] = {}
    records, rows, row_bytes, messages = _size(profile, notes)
    seen = _seen(profile, root)
    notes["shares"] = seen.origin or "configs/rates.yaml: no earlier run over these sources was found"
    defaults = table()["data"]
    counts, text = _through(rows, row_bytes, seen)
    embedded, indexed, packed = (conversations_into(name) for name in ("embed", "index", "tokenise"))
    segments = counts[embedded] * _segments_a_row(profile, seen, text[embedded] / counts[embedded])
    bytes_per_token = _bytes_per_token(profile, seen, text[packed] / counts[packed], messages, notes)
    held_out = profile.deduplicate.validation_share + profile.deduplicate.test_share
    whole, tokens_a_row = counts[packed], text[packed] / counts[packed] / bytes_per_token
    balanced, trained = most_rows(profile, tokens_a_row)
    train = min(whole * (1 - held_out), math.inf if balanced is None else balanced)
    counts[packed], text[packed] = train + whole * held_out, (train + whole * held_out) * text[packed] / whole
    train = min(train, math.inf if trained is None else trained)
    if said := note(profile):
        notes["selection"] = said
    return Workload(
        records=records,
        row_bytes=row_bytes,
        rows=counts,
        text=text,
        segments=segments,
        points=segments * counts[indexed] / counts[embedded],
        bytes_per_token=bytes_per_token,
        tokens=(train + whole * held_out) * tokens_a_row,
        train_tokens=train * tokens_a_row,
        test_tokens=whole * profile.deduplicate.test_share * tokens_a_row,
        vocabulary=_vocabulary(profile, seen),
        waste=defaults["waste"] if seen.waste is None else seen.waste,
        stored=defaults["stored"] | seen.stored,
        bytes_a_packed_token=seen.bytes_a_packed_token or defaults["bytes_a_packed_token"],
        notes=notes,
    )


def _through(rows: float, row_bytes: float, seen: Shape) -> tuple[dict[str, float], dict[str, float]]:
    """(rows, bytes of text) that come out of each stage of conversations.

    Of a stage whose share kept nobody knows, all rows; a stage that keeps every row leaves the text as it was.
    """
    kept = table()["data"]["kept"] | seen.kept
    counts: dict[str, float] = {}
    text: dict[str, float] = {}
    for name, stage in STAGES.items():
        before = conversations_into(name)
        if not stage.conversations:
            continue
        if before == name:
            counts[name], text[name] = rows, rows * row_bytes
        elif stage.resizes:
            counts[name] = max(1.0, counts[before] * kept.get(name, 1.0))
            grown = seen.text_a_row[name] / seen.text_a_row["acquire"] if name in seen.text_a_row else 1.0
            text[name] = counts[name] * row_bytes * grown
        else:
            counts[name], text[name] = counts[before], text[before]
    return counts, text


def _size(profile: Profile, notes: dict[str, str]) -> tuple[float, float, float, float]:
    """(records, rows, mean bytes of a row's text, messages of a row)."""
    given = profile.plan.rows
    if given.count and given.bytes:
        notes["data"] = "plan.rows"
        return float(given.count), float(given.count), given.bytes, 2.0
    try:
        found = sample_sources(profile.acquire.sources)
    except UserError as error:
        lacking = [f"plan.rows.{k}" for k in ("count", "bytes") if getattr(given, k) is None]
        raise UserError(
            f"{' and '.join(lacking)}: missing, and the data is not at hand to be counted ({error}); "
            f"set {' and '.join(lacking)}, for example -o plan.rows.count=1000000 -o plan.rows.bytes=250"
        ) from error
    notes["data"] = "counted in the sources" if found.exact else "a sample of the sources, extended to their size"
    rows = given.count or found.rows
    return found.records * rows / found.rows, rows, given.bytes or found.text / found.rows, found.messages / found.rows


def _seen(profile: Profile, root: Path) -> Shape:
    """What an earlier run, else a calibration, saw of the same sources; an empty shape when nobody did."""
    names = [s.name for s in profile.acquire.sources]
    found = shape(root, names)
    if found and found.vocabulary:
        return found
    calibration = load_calibration(root)
    if calibration and calibration["sources"] == sorted(names):
        return Shape(**calibration["shape"])
    return found or Shape()


def _segments_a_row(profile: Profile, seen: Shape, bytes_a_row: float) -> float:
    if seen.segments_a_row:
        return min(seen.segments_a_row, profile.embed.max_segments)
    return min(profile.embed.max_segments, max(1.0, bytes_a_row / (profile.embed.max_tokens * BYTES_A_WORD_PIECE)))


def _vocabulary(profile: Profile, seen: Shape) -> int:
    if profile.tokenise.tokenizer == "train":
        return profile.tokenise.vocabulary
    if profile.tokenise.tokenizer == "pretrained" and profile.model.pretrained:
        with suppress(OSError, ValueError, KeyError):  # who asks for the architecture is told
            return pretrained_values(profile.model.pretrained)["vocab_size"]
    return seen.vocabulary or 128_256


def _bytes_per_token(
    profile: Profile, seen: Shape, bytes_a_row: float, messages: float, notes: dict[str, str]
) -> float:
    """Bytes of text over tokens, those of the chat template included."""
    if profile.plan.rows.bytes_per_token:
        notes["tokens"] = "plan.rows.bytes_per_token"
        return profile.plan.rows.bytes_per_token
    vocabulary = _vocabulary(profile, seen)
    if seen.bytes_per_token and seen.vocabulary:
        notes["tokens"] = seen.origin
        return seen.bytes_per_token * _plain(vocabulary) / _plain(seen.vocabulary)
    notes["tokens"] = f"configs/rates.yaml for a vocabulary of {vocabulary:,}"
    template = 1 + messages * table()["data"]["template_tokens_a_message"]
    return bytes_a_row / (bytes_a_row / _plain(vocabulary) + template)


def _plain(vocabulary: int) -> float:
    """Bytes a token of plain text, by vocabulary: the table's points, straight between their logarithms."""
    points = sorted((math.log(size), value) for size, value in table()["data"]["bytes_per_token"].items())
    x = math.log(vocabulary)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1 or (x1, y1) == points[-1]:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[0][1]
