"""Translation through a tiny model of random weights: the path is real, the words are not."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

from configs.clean import Pii, Text, Translation
from configs.errors import UserError
from pipeline.clean.repair.repair import Repair
from pipeline.clean.scores.conversations import Preparation, score_conversations
from pipeline.clean.scores.translation import is_foreign, translator

GERMAN = [
    ("user", "Wie komme ich bitte zum nächsten Bahnhof?"),
    ("assistant", "Gehen Sie immer geradeaus, dann links."),
]
ENGLISH = [("user", "How do I get to the station, please?"), ("assistant", "Go straight on, and then left.")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translation")
    words = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz"]
    raw = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=raw, **special).save_pretrained(folder)
    torch.manual_seed(1)
    config = BartConfig(
        vocab_size=len(words),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=64,
        forced_eos_token_id=None,
        init_std=1.0,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_a_conversation_in_another_language_is_translated_and_marked(model: Path) -> None:
    settings = Translation(model=str(model), max_new_tokens=8)
    translate = translator(settings)
    assert translate is not None
    preparation = Preparation(Repair(Text()), Pii().types, translate=translate, translation=settings)
    german, english = score_conversations([GERMAN, ENGLISH], preparation)
    assert german.contents == [translate(content) for _, content in GERMAN]
    assert german.contents != [content for _, content in GERMAN]
    assert (german.repairs, german.translated_from) == (["translation"], "de")
    assert english.contents == [content for _, content in ENGLISH]
    assert (english.repairs, english.translated_from) == ([], None)


def test_paragraphs_stay_apart_and_a_translation_depends_on_its_text_alone(model: Path) -> None:
    translate = translator(Translation(model=str(model), max_new_tokens=8))
    assert translate is not None
    assert translate("eins\n\nzwei") == f"{translate('eins')}\n\n{translate('zwei')}"


def test_only_sure_foreign_languages_that_the_model_reads_are_translated() -> None:
    settings = Translation(languages=["de"])
    assert is_foreign(("de", 0.9), settings)
    assert not any(is_foreign(each, settings) for each in [("de", 0.7), ("fr", 0.9), ("en", 0.9), ("und", 0.0)])


def test_none_is_configured_by_default_and_an_absent_model_is_named(tmp_path: Path) -> None:
    assert translator(Translation()) is None
    with pytest.raises(UserError, match=r"clean\.translation\.model: .*nowhere.* is not a sequence-to-sequence model"):
        translator(Translation(model=str(tmp_path / "nowhere")))
