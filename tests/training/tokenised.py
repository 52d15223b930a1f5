"""A small artifact of the stage tokenise, made without Spark."""

from itertools import pairwise
from pathlib import Path

from configs.load import load_profile
from pipeline.contract.artifact import Ledger
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.tokenise.documents import ConversationEncoder
from pipeline.tokenise.packing import pack, write_packed
from pipeline.tokenise.tokenizer import save_tokenizer, train_tokenizer
from tests.training.preferred import Side, write_pairs

LENGTH = 64
NOUNS = ["sea", "hill", "town", "lake", "wood", "field", "road", "river", "garden", "harbour", "island", "valley"]
SETTINGS = [
    "embed.model=all-MiniLM-L6-v2",  # only a name here: training runs where no encoder is installed
    "tokenise.vocabulary=512",
    f"tokenise.sequence_length={LENGTH}",
    "launch.ranks=2",
    "launch.micro_batch=2",
    f"train.batch_tokens={8 * LENGTH}",
    "train.warmup_steps=2",
]


def conversation(number: int) -> list[dict[str, str]]:
    """One exchange, of varying length, whose reply follows from its prompt."""
    places = [NOUNS[(number * k) % len(NOUNS)] for k in range(1, 2 + number % 4)]
    asked = ", the ".join(places)
    answered = "".join(f" From the {one} we go to the {two}." for one, two in pairwise([*places, "house"]))
    return [
        {"role": "user", "content": f"Shall we see the {asked}?"},
        {"role": "assistant", "content": f"Yes.{answered}"},
    ]


def preferences(encoder: ConversationEncoder, numbers: range) -> list[tuple[str, Side, Side]]:
    """Exchanges, each also with a reply that refuses: the worse one."""
    found = []
    for number in numbers:
        better = conversation(number)
        worse = [better[0], {"role": "assistant", "content": f"No. Not to the {NOUNS[number % len(NOUNS)]}."}]
        (first,), (second,) = (documents for documents, _ in encoder.encode([("", better), ("", worse)]))
        chosen, rejected = ((d.tokens.tolist(), d.learned.tolist()) for d in (first, second))
        found.append((f"{number:032x}", chosen, rejected))
    return found


def begin_run(root: Path, overrides: list[str], data: Path, run_id: str = "test", pairs: bool = True) -> Run:
    """A run of the demo profile whose stage tokenise has been made by hand.

    Where sources have weights, they take turns with the conversations, and share no sequence.
    """
    run = Run.begin(load_profile("scratch", [f"storage.root={root}", *SETTINGS, *overrides], str(data)), run_id)
    print_ = run.fingerprint("tokenise")
    if run.find("tokenise"):
        return run
    with run.store.building("tokenise", print_, resume=False) as partial:
        numbers = {"train": range(200), "validation": range(200, 230)}
        texts = [m["content"] for n in numbers["train"] for m in conversation(n)]
        tokenizer = train_tokenizer(texts, 512)
        save_tokenizer(tokenizer, partial / "tokenizer")
        encoder = ConversationEncoder(ChatFormat.of(tokenizer), LENGTH)
        for split, of_split in numbers.items():
            folder = partial / "packed" / split
            folder.mkdir(parents=True)
            rows = encoder.encode([(f"{n:032x}", conversation(n)) for n in of_split])
            documents = [document for found, _ in rows for document in found]
            names = run.profile.acquire.mixed_sources
            sources = {f"{n:032x}": names[n % len(names)] for n in of_split} if names else None
            apart = [[d for d in documents if not sources or sources[d.row_id] == name] for name in names or [""]]
            packed = [sequence for of_source in apart for sequence in pack(of_source, LENGTH)]
            write_packed(packed, folder / "part-00000.parquet", LENGTH, tokenizer.pad_token_id, sources)
            if run.profile.train.prefers and pairs:
                write_pairs(preferences(encoder, of_split), partial / "pairs" / split / "part-00000.parquet")
        config = {"tokenise": {"sequence_length": LENGTH}}
        manifest = {"stage": "tokenise", "version": "1", "fingerprint": print_, "inputs": {}, "config": config}
        run.store.commit(partial, manifest | {"ledger": Ledger(230, 230), "metrics": {}})
    return run


if __name__ == "__main__":
    import sys

    root, data, *overrides = sys.argv[1:]
    execute(begin_run(Path(root), overrides, Path(data)), "train")
