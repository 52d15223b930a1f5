"""Names and addresses, found by a tiny token-classification model of random weights that is told what to say."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

from configs.clean import Pii, Text
from configs.errors import UserError
from pipeline.clean.privacy.pii import mask_conversation
from pipeline.clean.privacy.recogniser import LONGEST, joined, kind_of, may_name, pieces, recogniser
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, score_conversations

LABELS = ["O", "B-PER", "I-PER", "B-STREET_ADDRESS", "I-STREET_ADDRESS", "B-LOC"]
WORDS = {"anna": 1, "Anna": 1, "Smith": 2, "12": 3, "Elm": 4, "Street": 4, "Berlin": 5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT without layers whose word vectors are the labels of WORDS: it recognises those words."""
    folder = tmp_path_factory.mktemp("ner")
    vocabulary = {"[UNK]": 0, "[PAD]": 1, **{word: n for n, word in enumerate(WORDS, 2)}}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=8,
        num_hidden_layers=0,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
        id2label=dict(enumerate(LABELS)),
    )
    torch.manual_seed(0)
    built = BertForTokenClassification(config)
    with torch.no_grad():
        embeddings = built.bert.embeddings
        for weight in (embeddings.position_embeddings.weight, embeddings.token_type_embeddings.weight):
            weight.zero_()
        embeddings.word_embeddings.weight.zero_()
        built.classifier.weight.zero_()
        built.classifier.bias.zero_()
        for word, number in vocabulary.items():
            embeddings.word_embeddings.weight[number, WORDS.get(word, 0)] = 1.0
        for label in range(len(LABELS)):
            built.classifier.weight[label, label] = 5.0
    built.save_pretrained(folder)
    return folder


def settings(model: Path, **more: object) -> Pii:
    return Pii.model_validate({"recogniser": "transformers", "recogniser_model": str(model), **more})


def test_names_and_addresses_become_placeholders_with_one_number_each(model: Path) -> None:
    turns = ["my name is Anna Smith, anna@x.org", "Dear Anna Smith, is 12 Elm Street in Berlin?"]
    masked, spans = mask_conversation(turns, Pii().types, recogniser(settings(model)))
    assert masked == ["my name is <PERSON_1>, <EMAIL_1>", "Dear <PERSON_1>, is <ADDRESS_1> in Berlin?"]
    assert [turns[s.turn][s.start : s.end] for s in spans if s.type == "ADDRESS"] == ["12 Elm Street"]


def test_a_turn_longer_than_the_model_sees_is_read_in_parts(model: Path) -> None:
    found = recogniser(settings(model))("my name is " + "so long a turn " * 20 + "Anna Smith")  # type: ignore[misc]
    assert [kind for _, _, kind in found] == ["PERSON"]


def test_only_the_asked_types_are_replaced(model: Path) -> None:
    recognise = recogniser(settings(model, recogniser_types=["ADDRESS"]))
    assert mask_conversation(["my name is Anna, 12 Elm Street"], [], recognise)[0] == ["my name is Anna, <ADDRESS_1>"]


def test_the_score_pass_masks_what_the_model_finds(model: Path) -> None:
    preparation = Preparation(Repair(Text()), Pii().types, recogniser(settings(model)))
    [row] = score_conversations([[("user", "call me Anna Smith"), ("assistant", "Hello Anna Smith!")]], preparation)
    assert row.contents == ["call me <PERSON_1>", "Hello <PERSON_1>!"]
    assert [(s.type, s.turn) for s in row.pii] == [("PERSON", 0), ("PERSON", 1)]


@pytest.mark.parametrize("text", ["my name is john", "I met John there", "12 Elm", "Jane Doe", "Mr x", "我叫王小明"])
def test_the_gate_opens_where_a_name_may_be(text: str) -> None:
    assert may_name(text)


@pytest.mark.parametrize("text", ["What did you do today?", "it was fine, thanks", "12 apples and 3 pears", ""])
def test_the_gate_stays_shut_elsewhere(text: str) -> None:
    assert not may_name(text)


def test_labels_of_common_models_are_understood() -> None:
    assert {kind_of(label) for label in ("B-PER", "I-PERSON", "FIRSTNAME", "GIVENNAME1", "PATIENT")} == {"PERSON"}
    assert {kind_of(label) for label in ("STREETADDRESS", "B-STREET_ADDRESS", "ADDRESS")} == {"ADDRESS"}
    assert {kind_of(label) for label in ("O", "B-LOC", "GPE", "EMAIL_ADDRESS", "MISC")} == {None}


def test_parts_of_a_word_are_masked_whole() -> None:
    assert joined([(0, 3, "PERSON"), (3, 5, None)], "Johns on") == [(0, 5, "PERSON")]


def test_pieces_make_up_the_text() -> None:
    text = "word " * LONGEST + "x" * 2 * LONGEST
    found = pieces(text)
    assert "".join(piece for _, piece in found) == text
    assert all(text[start : start + len(piece)] == piece and len(piece) <= LONGEST for start, piece in found)


def test_a_model_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"clean\.pii\.recogniser_model: .*nowhere.* is not a token-classification model"
    ):
        recogniser(settings(tmp_path / "nowhere"))


def test_presidio_names_the_package_to_install() -> None:
    pytest.importorskip("transformers")
    try:
        import presidio_analyzer  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="pip install presidio-analyzer"):
            recogniser(Pii(recogniser="presidio"))
    else:
        pytest.skip("presidio-analyzer is installed")


def test_a_recogniser_without_its_model_is_refused() -> None:
    with pytest.raises(ValueError, match="must be set together"):
        Pii(recogniser="transformers")
