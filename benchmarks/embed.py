"""Rows a second of embed, by row length, beside sentence-transformers: python -m benchmarks.embed --help

Conversations of about so many characters, made of real exchanges (benchmarks/corpus.py; --data FILE where the corpora
are not at hand: JSON Lines of prompt and response). Prints JSON lines: embed with its files written, the encoder
alone, and with --peer sentence-transformers on the same texts, by default and as its users make it fast (fp16 on GPUs,
batches of 1,024), and the smallest cosine between its vectors and ours.
`rows_per_second` counts from the first shard that is done; `start_seconds` is what lies before it. With --gpus N the
stage is measured twice, on one GPU and on N with a process each: there it counts from when each has a shard done, and
`times_one` is the ratio of the two (null where one had none); `same_bytes` says whether the files are the same.
"""

import argparse
import filecmp
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from configs.embed import Embed, Embedding
from pipeline.embed.device_processes import DeviceProcesses, Wanted
from pipeline.embed.encoder import Encoder
from pipeline.embed.segmenter import Segmenter
from pipeline.embed.shard_encoder import ShardEncoder
from pipeline.embed.shards import ShardedFile
from pipeline.rows.ordered import in_shards

REAL, COMPARED, FILE_ROWS = 100_000, 2_000, 250_000


def main() -> None:
    """A few lines for each row length."""
    options = parser().parse_args()
    exchanges = _exchanges(Path(options.data) if options.data else None)
    settings = Embed(model=options.model, shard_rows=options.shard_rows)
    embedding = Embedding(device=options.device)
    for characters in options.characters:
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / "source"
            source.mkdir()
            write_conversations(source, exchanges, options.rows, characters)
            size = {"characters": characters, "rows": options.rows, "shard_rows": options.shard_rows}
            about = size | {"device": _device(options.device)}
            for line in stages(source, Path(scratch), settings, embedding, options.gpus):
                print(json.dumps(line | about), flush=True)
            print(json.dumps(encoder_alone(source, settings, embedding) | about), flush=True)
            if options.peer:
                for line in peers(source, settings, embedding):
                    print(json.dumps(line | about), flush=True)


def stages(
    source: Path, scratch: Path, settings: Embed, embedding: Embedding, gpus: int
) -> Iterator[dict[str, object]]:
    """The stage on one GPU, and on several beside it."""
    one = stage(source, scratch / "one", settings, embedding, 1)
    yield one
    if gpus > 1:
        several = stage(source, scratch / "several", settings, embedding, gpus)
        both = one["rows_per_second"], several["rows_per_second"]
        names = sorted(file.name for file in (scratch / "one").iterdir())
        differing = filecmp.cmpfiles(scratch / "one", scratch / "several", names, shallow=False)[1:]
        yield several | {
            "times_one": round(both[1] / both[0], 2) if all(both) else None,  # type: ignore[operator]
            "same_bytes": not any(differing),
        }


def stage(source: Path, data: Path, settings: Embed, embedding: Embedding, gpus: int) -> dict[str, object]:
    """What the stage does, but for its manifest."""
    data.mkdir()
    started, cpu = time.monotonic(), _cpu_seconds()
    encoded = _encoded(source, _FileWriter(data), settings, embedding, gpus)
    marks = [(time.monotonic() - started, done, warm) for done, warm in encoded]
    return {
        "what": "embed",
        "gpus": gpus,
        **rates(marks),
        "cpu_seconds": round(_cpu_seconds() - cpu, 1),
        "segments": sum(pq.read_metadata(file).num_rows for file in data.iterdir()),
    }


def rates(marks: list[tuple[float, int, bool]]) -> dict[str, float | None]:
    """How fast it went, from when all GPUs had begun; where one never had a shard done, that cannot be said.

    marks: seconds since the start, conversations done, and whether all had begun; in order.
    """
    warm = [(seconds, done) for seconds, done, begun in marks if begun]
    (first, before), (last, after) = (warm[0], warm[-1]) if warm else ((0.0, 0), (0.0, 0))
    return {
        "rows_per_second": round((after - before) / (last - first)) if after > before else None,
        "rows_counted": after - before,
        "start_seconds": round(first, 1) if warm else None,
        "seconds": round(marks[-1][0], 1) if marks else 0.0,
    }


def _encoded(
    source: Path, write: "_FileWriter", settings: Embed, embedding: Embedding, gpus: int
) -> Iterator[tuple[int, bool]]:
    """How many conversations are done, and whether all GPUs have begun; the end of a run on one of them is when the
    last file is written."""
    shards = (shard for path in sorted(source.glob("*.parquet")) for shard in ShardedFile(path, settings.shard_rows))
    if gpus == 1:
        done = 0
        with ShardEncoder(settings, embedding) as encoder:
            for done in encoder.write(((shard.name, shard.table) for shard in shards), write):
                yield done, True
            yield done, True
        return
    wanted = [Wanted(shard.file, shard.number, shard.table.num_rows, shard.name) for shard in shards]
    devices = ["cpu"] * gpus if embedding.device == "cpu" else [f"cuda:{number}" for number in range(gpus)]
    with DeviceProcesses(devices, settings, embedding, write) as processes:
        for done in processes.encode(wanted):
            yield done, processes.warm


@dataclass(frozen=True)
class _FileWriter:
    folder: Path

    def __call__(self, name: str, table: pa.Table) -> None:
        pq.write_table(table, self.folder / name, compression="zstd", use_dictionary=["row_id"])


def encoder_alone(source: Path, settings: Embed, embedding: Embedding) -> dict[str, object]:
    """Shards that are cut already, in memory."""
    encoder = Encoder(settings.model, embedding.device, embedding.batch_size)
    segmenter = Segmenter(encoder.folder, settings.max_tokens, settings.max_segments)
    cut = [segmenter(table) for table in islice(in_shards(source, ["row_id", "messages"], 2048), 32)]
    encoder.encode(cut[0].tokens)
    started = time.monotonic()
    waiting = [encoder.begin(shard.tokens) for shard in cut]
    for vectors in waiting:
        vectors()
    seconds = time.monotonic() - started
    tokens = sum(len(shard.tokens.ids_T) for shard in cut)
    return {
        "what": "encoder alone",
        "rows_per_second": round(sum(shard.conversations for shard in cut) / seconds),
        "tokens_per_second": round(tokens / seconds),
        "tokens_a_segment": round(tokens / sum(shard.rows.num_rows for shard in cut), 1),
    }


def peers(source: Path, settings: Embed, embedding: Embedding) -> Iterator[dict[str, object]]:
    """sentence-transformers over whole conversations, cut at the same number of tokens, one segment each."""
    from sentence_transformers import SentenceTransformer

    encoder = Encoder(settings.model, embedding.device, embedding.batch_size)
    table = pa.concat_tables(islice(in_shards(source, ["row_id", "messages"], 2048), 50 if not encoder.on_cpu else 1))
    texts = ["\n".join(m["content"] for m in messages) for messages in table["messages"].to_pylist()]
    ours = encoder.encode_texts(texts[:COMPARED], settings.max_tokens)
    path, device = str(encoder.folder.path), "cpu" if encoder.on_cpu else "cuda"
    dtypes = {"by default": torch.float32} | ({} if encoder.on_cpu else {"fp16, batches of 1024": torch.float16})
    for name, dtype in dtypes.items():
        model = SentenceTransformer(path, device=device, model_kwargs={"dtype": dtype})
        model.max_seq_length = settings.max_tokens
        size = 32 if dtype == torch.float32 else 1024
        model.encode(texts[:size], batch_size=size, show_progress_bar=False)
        started = time.monotonic()
        theirs = model.encode(texts, batch_size=size, normalize_embeddings=True, show_progress_bar=False)
        seconds = time.monotonic() - started
        cosine = float((theirs[:COMPARED].astype(np.float32) * ours).sum(1).min())
        yield {
            "what": f"sentence-transformers {name}",
            "rows_per_second": round(len(texts) / seconds),
            "least_cosine": round(cosine, 6),
        }


def write_conversations(folder: Path, exchanges: list[tuple[str, str]], rows: int, characters: int) -> None:
    """Parquet files of row_id and messages: exchanges one after the other until there are enough characters.

    Row ids are spread over all that there can be, as hashes are: shards are cut by them.
    """
    real = cycle(exchanges)
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    draw, files = Random(0), max(4, rows // FILE_ROWS)
    ids = sorted(draw.getrandbits(64) for _ in range(rows))
    for number in range(files):
        mine = ids[number::files]
        conversations = [_conversation(real, characters) for _ in mine]
        columns = {"row_id": [f"{i:016x}" for i in mine], "messages": pa.array(conversations, pa.list_(message))}
        pq.write_table(pa.table(columns), folder / f"part-{number:05d}.parquet")


def _conversation(real: Iterator[tuple[str, str]], characters: int) -> list[dict[str, str]]:
    messages: list[dict[str, str]] = []
    while characters > 0:
        for role, text in zip(("user", "assistant"), next(real), strict=True):
            messages.append({"role": role, "content": text[: max(characters, 1)]})
            characters -= len(text)
    return messages


def _exchanges(data: Path | None) -> list[tuple[str, str]]:
    if data is None:
        from benchmarks.corpus import write_corpus

        with tempfile.TemporaryDirectory() as scratch:
            write_corpus(Path(scratch) / "corpus.jsonl", REAL)
            return _exchanges(Path(scratch) / "corpus.jsonl")
    with data.open(encoding="utf-8") as lines:
        return [(row["prompt"], row["response"]) for row in map(json.loads, lines)]


def _device(device: str) -> str:
    gpu = torch.cuda.is_available() and device != "cpu"
    return torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} cores"


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--rows", type=int, default=20_000, help="conversations (a million for a GPU)")
    made.add_argument("--characters", type=int, nargs="+", default=[200], help="of a conversation, about")
    made.add_argument("--model", default=Embed().model, help="as embed.model")
    made.add_argument("--shard-rows", type=int, default=Embed().shard_rows, help="as embed.shard_rows")
    made.add_argument("--device", default="auto", help="as embedding.device")
    made.add_argument("--gpus", type=int, default=1, help="with N > 1 the stage on N GPUs, beside one (see above)")
    made.add_argument("--data", help="JSON Lines of prompt and response, instead of the corpora at hand")
    made.add_argument("--peer", action="store_true", help="sentence-transformers too")
    return made


if __name__ == "__main__":
    main()
