"""A tiny world for evaluation: a tokenizer, a briefly trained model, and the artifacts that lead to them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from configs.load import load_profile
from configs.promote import Tracking
from eval import registry
from pipeline.contract.artifact import Artifact
from pipeline.contract.run import Run
from pipeline.contract.stages import STAGES
from tests.artifacts import commit

torch.set_num_threads(1)  # two threads that share busy cores spend their time waiting for each other

LENGTH = 128
STEPS = 120
DECISION: dict[str, Any] = {"decision": "approve", "by": "automatic"}
FINDING = {
    "severity": "warning",
    "kind": "topic",
    "subject": "travel",
    "value": 0.3,
    "threshold": 0.2,
    "message": "travel makes up 30% of the rows",
}
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PAIRS = [
    ("Do you have a dog?", "Yes, her name is Biscuit."),
    ("What is your favourite food?", "I could eat noodles every day."),
    ("Do you like the rain?", "Only when I am inside with tea."),
    ("Where did you travel last?", "To the mountains, for a week."),
    ("What are you reading?", "A long book about whales."),
    ("Hello! How are you today?", "I am well, thank you. And you?"),
]
Conversation = dict[str, Any]


def conversation(number: int, split: str) -> Conversation:
    """Two exchanges, chosen by the number."""
    turns = []
    for shift in (0, 1 + number // len(PAIRS)):
        question, answer = PAIRS[(number + shift) % len(PAIRS)]
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {
        "row_id": f"{number:032x}",
        "source": "left" if number % 2 else "right",
        "topic": "small talk" if number % 3 else "travel",
        "split": split,
        "messages": turns,
    }


@pytest.fixture(scope="session")
def conversations() -> list[Conversation]:
    """24 to learn from and 12 to test on."""
    return [conversation(i, "train" if i < 24 else "test") for i in range(36)]


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return new_tokenizer(400)


def new_tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the turn markers of Llama 3."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([text for pair in PAIRS for text in pair] + ["user assistant\n\n"], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|pad|>",
        chat_template=TEMPLATE,
    )


def document(tokenizer: PreTrainedTokenizerFast, turns: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """(input_ids, labels) of one conversation: assistant turns and their end are learned."""
    ids, labels = [tokenizer.bos_token_id], [-100]
    for turn in turns:
        header = tokenizer.encode(f"<|start_header_id|>{turn['role']}<|end_header_id|>\n\n", add_special_tokens=False)
        body = tokenizer.encode(turn["content"] + "<|eot_id|>", add_special_tokens=False)
        ids += header + body
        labels += [-100] * len(header) + (body if turn["role"] == "assistant" else [-100] * len(body))
    return ids, labels


def pack(tokenizer: PreTrainedTokenizerFast, rows: list[Conversation], length: int) -> list[dict[str, Any]]:
    """Packed sequences in the order of the rows: next fit."""
    sequences: list[dict[str, Any]] = []
    for row in rows:
        ids, labels = document(tokenizer, row["messages"])
        assert len(ids) <= length
        if not sequences or len(sequences[-1]["input_ids"]) + len(ids) > length:
            names = ("input_ids", "labels", "position_ids", "document_ids", "row_ids")
            sequences.append({name: [] for name in names})
        last = sequences[-1]
        last["document_ids"] += [len(last["row_ids"])] * len(ids)
        last["input_ids"] += ids
        last["labels"] += labels
        last["position_ids"] += range(len(ids))
        last["row_ids"].append(row["row_id"])
    for sequence in sequences:
        gap = length - len(sequence["input_ids"])
        sequence["input_ids"] += [tokenizer.pad_token_id] * gap
        sequence["labels"] += [-100] * gap
        sequence["position_ids"] += [0] * gap
        sequence["document_ids"] += [-1] * gap
    return sequences


def write_packed(folder: Path, sequences: list[dict[str, Any]]) -> None:
    """One split of packed sequences, as docs/artifacts.md describes it."""
    integers = pa.list_(pa.int32())
    names = ("input_ids", "labels", "position_ids", "document_ids")
    schema = pa.schema([(name, integers) for name in names] + [("row_ids", pa.list_(pa.string()))])
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(sequences, schema=schema), folder / "part-00000.parquet")


def new_model(tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LlamaForCausalLM:
    """An untrained model of two layers."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config).eval()


def train_briefly(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: list[Conversation]) -> None:
    """Enough steps to know the six answers by heart."""
    documents = [document(tokenizer, row["messages"]) for row in rows]
    width = max(len(ids) for ids, _ in documents)
    ids = torch.tensor([ids + [tokenizer.pad_token_id] * (width - len(ids)) for ids, _ in documents])
    labels = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in documents])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()


@pytest.fixture(scope="session")
def untrained(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    return new_model(tokenizer)


@pytest.fixture(scope="session")
def trained(tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation]) -> LlamaForCausalLM:
    model = new_model(tokenizer)
    train_briefly(model, tokenizer, [row for row in conversations if row["split"] == "train"])
    return model


@pytest.fixture(scope="session")
def packed(
    tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation], tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    """A tokenise artifact of the conversations."""
    folder = tmp_path_factory.mktemp("tokenise")
    fill_tokenise(folder, tokenizer, conversations)
    config = {"config": {"tokenise": {"sequence_length": LENGTH}}}
    (folder / "manifest.json").write_text(json.dumps(config))
    return Artifact(folder)


def fill_tokenise(folder: Path, tokenizer: PreTrainedTokenizerFast, rows: list[Conversation]) -> None:
    tokenizer.save_pretrained(folder / "tokenizer")
    for split in ("train", "validation", "test"):
        chosen = [row for row in rows if row["split"] == split] or rows[:1]
        write_packed(folder / "packed" / split, pack(tokenizer, chosen, LENGTH))


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them, which takes seconds to make."""
    root = tmp_path_factory.mktemp("registry")
    assert registry.champion(Tracking().address(root), "nobody") is None
    return root / "mlflow.db"


@pytest.fixture
def world(
    tmp_path: Path, empty_registry: Path, tokenizer: PreTrainedTokenizerFast, conversations: list[Conversation]
) -> Callable[..., Run]:
    """world(model, steps=100) begins a run whose artifacts up to train are made by hand, around that model.

    Runs of other `steps` share the data and have another train artifact. All lie under one root.
    """
    (tmp_path / "root").mkdir()
    shutil.copy(empty_registry, tmp_path / "root" / "mlflow.db")
    raw = tmp_path / "hand made.jsonl"
    raw.write_text("".join(json.dumps({"messages": row["messages"]}) + "\n" for row in conversations))

    def begin(
        model: LlamaForCausalLM,
        steps: int = 100,
        overrides: tuple[str, ...] = (),
        tokenizer: PreTrainedTokenizerFast = tokenizer,
        rows: list[Conversation] = conversations,
    ) -> Run:
        settings = [
            f"storage.root={tmp_path / 'root'}",
            f"tokenise.sequence_length={LENGTH}",
            f"train.steps={steps}",
            "evaluate.generations=6",
            "evaluate.max_new_tokens=16",
            "acquire.sources.0.licence=CC0-1.0",
            *overrides,
        ]
        run = Run.begin(load_profile("scratch", settings, str(raw)), f"steps-{steps}")
        contents: dict[str, Callable[[Path], None]] = {
            "balance": lambda out: write_conversations(out / "data", rows),
            "review": lambda out: write_json(out / "decision.json", DECISION),
            "audit": lambda out: write_json(out / "audit.json", {"findings": [FINDING]}),
            "tokenise": lambda out: fill_tokenise(out, tokenizer, rows),
            "train": lambda out: fill_train(out, model, steps),
        }
        for name in STAGES:
            if name not in ("index", "base", "evaluate", "promote") and run.find(name) is None:
                commit(run, name, len(rows), contents.get(name, nothing))
        return run

    return begin


def fill_train(folder: Path, model: LlamaForCausalLM, steps: int) -> None:
    model.save_pretrained(folder / "model")
    training = {
        "parameters": model.num_parameters(),
        "ranks": 1,
        "steps": steps,
        "tokens": 1000,
        "tokens_per_second": 10.0,
        "seconds": 100.0,
        "best_step": steps,
        "stopped_early": False,
        "train_loss": [[steps, 2.0]],
        "validation_loss": [[steps, 2.5]],
        "precision": "fp32",
        "zero_stage": 1,
    }
    write_json(folder / "training.json", training)


def nothing(_: Path) -> None:
    """For artifacts that nobody here reads into."""


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def write_conversations(folder: Path, rows: list[Conversation]) -> None:
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "part-00000.parquet")
