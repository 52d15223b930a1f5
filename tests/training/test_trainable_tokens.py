"""The rows of new tokens are trained beside frozen ones, as if the whole embedding were."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import PeftModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaForCausalLM, PreTrainedTokenizerFast

from configs.model import Lora
from pipeline.contract.chat_format import ChatFormat
from pipeline.contract.chat_template import END_OF_TURN
from pipeline.tokenise.documents import ConversationEncoder, Document
from pipeline.tokenise.packing import pack, write_packed
from pipeline.tokenise.tokenizer import load_tokenizer
from tests.training.conftest import ARCHITECTURE, VOCABULARY, packed
from tests.training.jobs import small_job
from tests.training.tokenised import conversation
from training.arrow import arrow_copy
from training.communication import CommunicationClock
from training.data import PackedSequences
from training.engine import build_engine
from training.job_config import JobConfig
from training.loss import SummedLoss
from training.model import llama_config
from training.prefetch import rank_batch
from training.step import optimiser_step
from training.train import new_tokens
from training.trainable_tokens import train_tokens, with_rows
from training.weights import save_weights

Documents = list[tuple[list[int], list[int]]]
CPU = torch.device("cpu")
IDS = (3, 17, 49)
LENGTH = 64


@pytest.mark.parametrize("tied", [True, False])
def test_loss_and_gradients_are_those_of_training_the_whole_embedding(tied: bool, documents: Documents) -> None:
    torch.manual_seed(0)
    whole = LlamaForCausalLM(llama_config(ARCHITECTURE.model_copy(update={"tie_word_embeddings": tied}), VOCABULARY))
    apart = copy.deepcopy(whole)
    train_tokens(apart, IDS)
    heads = [(whole.model.embed_tokens, apart.model.embed_tokens), (whole.lm_head, apart.lm_head)]
    with torch.no_grad():  # as after some steps: the rows are no longer those that they began as
        for theirs, own in heads:
            own.trainable_rows.copy_(torch.randn(3, 32))
            theirs.weight[list(IDS)] = own.trainable_rows
    for _, own in heads:
        own.weight.requires_grad_(False)
    documents[0][0][1:4] = IDS
    batch = packed([(tokens, [-100, *tokens[1:]]) for tokens, _ in documents], 24)
    expected, found = SummedLoss(whole)(**batch), SummedLoss(apart)(**batch)
    expected.backward()
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    for theirs, own in heads:
        torch.testing.assert_close(own.trainable_rows.grad, theirs.weight.grad[list(IDS)], rtol=1e-4, atol=1e-5)
    layers = zip(whole.model.layers.parameters(), apart.model.layers.parameters(), strict=True)
    for theirs_P, own_P in layers:
        torch.testing.assert_close(own_P.grad, theirs_P.grad, rtol=1e-4, atol=1e-5)


def test_rows_take_the_place_of_those_of_their_tokens_when_weights_are_merged() -> None:
    frozen, rows = torch.zeros(5, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    state = {"embed.weight": frozen, "embed.trainable_rows": rows, "norm.weight": torch.ones(2)}
    merged = with_rows(state, (1, 4))
    assert merged.keys() == {"embed.weight", "norm.weight"}
    assert merged["embed.weight"].tolist() == [[0, 0], [1, 2], [0, 0], [0, 0], [3, 4]]
    assert not frozen.any()


def base_without_markers(folder: Path, tied: bool) -> None:
    """A random model of two layers and its tokenizer, which knows no marker of turns."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator([m["content"] for n in range(200) for m in conversation(n)], trainer)
    PreTrainedTokenizerFast(tokenizer_object=bpe).save_pretrained(folder)
    torch.manual_seed(4)
    architecture = ARCHITECTURE.model_copy(update={"tie_word_embeddings": tied})
    LlamaForCausalLM(llama_config(architecture, bpe.get_vocab_size())).save_pretrained(folder)


def job_on(base: Path, folder: Path) -> tuple[JobConfig, list[Document]]:
    """LoRA on that base over 200 conversations, and those as documents."""
    tokenizer = load_tokenizer(str(base))
    tokenizer.save_pretrained(folder / "tokenizer")
    encoder = ConversationEncoder(ChatFormat.of(tokenizer), LENGTH)
    rows = encoder.encode([(f"{n:032x}", conversation(n)) for n in range(200)])
    documents = [document for found, _ in rows for document in found]
    (folder / "packed").mkdir()
    write_packed(pack(documents, LENGTH), folder / "packed" / "part-00000.parquet", LENGTH, tokenizer.pad_token_id)
    arrow_copy(folder / "packed", folder / "own" / "train", LENGTH, lambda: None)
    train = {"steps": 40, "batch_tokens": 8 * LENGTH, "learning_rate": 1e-2, "warmup_steps": 2}
    job = small_job(folder, train, {"ranks": 1, "micro_batch": 4})
    changes: dict[str, Any] = {
        "architecture": None,
        "pretrained": str(base),
        "lora": Lora(rank=4, alpha=8, target_modules=("q_proj", "v_proj", "down_proj")),
        "new_tokens": new_tokens(str(base), tokenizer.get_vocab()),
        "vocabulary": len(tokenizer),
        "tokenizer": folder / "tokenizer",
        "sequences": folder / "own",
    }
    return job.model_copy(update=changes), documents


def loss_of_token(model: Any, documents: list[Document], token: int) -> float:
    """Mean over the places where a document has it, in nats."""
    losses = []
    for document in documents[:30]:
        tokens = torch.from_numpy(document.tokens.astype("int64"))
        logits = model(input_ids=tokens[None]).logits[0, :-1].detach()
        losses.append(F.cross_entropy(logits, tokens[1:], reduction="none")[tokens[1:] == token])
    return torch.cat(losses).mean().item()


@pytest.mark.usefixtures("one_rank")
@pytest.mark.parametrize("tied", [True, False])
def test_adapters_on_a_base_without_our_markers_learn_to_end_a_turn(tied: bool, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base_without_markers(base, tied)
    job, documents = job_on(base, tmp_path)
    engine, parameters = build_engine(job, CPU)
    before = {name: p.detach().clone() for name, p in engine.module.model.named_parameters()}
    data, clock = PackedSequences(job.sequences / "train"), CommunicationClock(CPU)
    for step in range(1, job.train.steps + 1):
        optimiser_step(engine, job, rank_batch(job, data, step, 0), clock)
    folder = save_weights(engine, job, job.train.steps)
    merged = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert sum(p.numel() for p in merged.parameters()) == parameters

    old = job.new_tokens[0]
    assert job.new_tokens == tuple(range(old, job.vocabulary))
    for module in ("model.embed_tokens", "lm_head"):
        weight, frozen = merged.get_submodule(module).weight, before.get(f"{module}.weight")
        if frozen is not None:  # the head's is the embedding's where they are tied
            assert torch.equal(weight[:old], frozen[:old])
            assert (weight[old:] != frozen[old:]).any(1).all() or not tied

    plain = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(job.seed)
    plain.resize_token_embeddings(job.vocabulary)
    end = load_tokenizer(str(base)).get_vocab()[END_OF_TURN]
    # With its rows frozen the loss of the end token stays at 5.8, whatever the adapters learn.
    assert loss_of_token(merged, documents, end) < loss_of_token(plain, documents, end) - 1.5

    joined = PeftModel.from_pretrained(plain, folder / "adapter").eval()
    ids = torch.from_numpy(documents[0].tokens.astype("int64"))[None]
    torch.testing.assert_close(joined(input_ids=ids).logits, merged(input_ids=ids).logits, rtol=1e-4, atol=1e-4)
    engine.destroy()
