"""Settings that cannot train together are refused before anything starts."""

import subprocess
import sys

import pytest

from configs.errors import UserError
from configs.load import load_architecture, load_profile
from training.job_config import check
from training.micro_batch import MOST_ON_CPU, fitting_micro_batch


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["train.batch_tokens=3000", "launch.ranks=2", "launch.micro_batch=4", "tokenise.sequence_length=256"],
            r"train\.batch_tokens: 3000 is not divisible by ranks × launch\.micro_batch × tokenise\.sequence_length "
            r"= 2 × 4 × 256 = 2048; set train\.batch_tokens=2048",
        ),
        (
            ["train.batch_tokens=3072", "launch.ranks=3", "launch.micro_batch=3", "tokenise.sequence_length=256"],
            r"= 3 × 3 × 256 = 2304; set launch\.micro_batch=2, which changes nothing else, or train\.batch_tokens=2304",
        ),
        (
            ["tokenise.sequence_length=4096", "train.batch_tokens=32768"],
            r"tokenise\.sequence_length: 4096 exceeds max_position_embeddings \(2048\) of model tiny",
        ),
        (
            ["model.name=1b", "tokenise.vocabulary=200000"],
            r"model\.name: 1b has vocab_size 128256, the tokenizer has 200000 tokens",
        ),
        (["launch.profile_steps=490-501"], r"launch\.profile_steps: 490-501 ends after train\.steps \(500\)"),
        (["launch.hostfile=/nowhere"], r"launch\.hostfile: /nowhere cannot be read"),
    ],
)
def test_what_does_not_fit_is_named(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(load_profile("scratch", overrides))


def test_the_demo_fits() -> None:
    check(load_profile("scratch"))


def test_checking_needs_no_torch() -> None:
    code = "import sys, training.job_config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_automatic_micro_batch_on_cpu_fits_and_divides_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    profile = load_profile("scratch", ["launch.micro_batch=auto", "train.batch_tokens=12288", "launch.ranks=2"])
    architecture = load_architecture("tiny")
    share = 12288 // profile.tokenise.sequence_length // 2
    found = fitting_micro_batch(profile, architecture, 4096)
    assert found <= MOST_ON_CPU
    assert share % found == 0
    small = type("Memory", (), {"available": 40_000_000})
    monkeypatch.setattr("psutil.virtual_memory", lambda: small)
    with pytest.raises(UserError, match=r"launch\.micro_batch: not one sequence of .* tokens fits 20 MB a rank"):
        fitting_micro_batch(profile, architecture, 4096)
