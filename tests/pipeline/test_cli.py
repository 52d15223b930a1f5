"""The command line refuses what cannot work in one line that names the remedy, with status 2."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import COMMANDS, Row, main, parser

PROJECT = Path(__file__).resolve().parents[2]


def parlance(*arguments: str, **environment: str) -> tuple[int, str]:
    """Status and what was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env=os.environ | environment,
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def chats(tmp_path: Path) -> str:
    path = tmp_path / "chats.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n')
    return str(path)


def _one_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line]
    assert len(lines) == 1, output
    return lines[0]


def test_no_java(tmp_path: Path, chats: str) -> None:
    (tmp_path / "bin").mkdir()
    status, output = parlance(
        "run", "--data", chats, "--root", str(tmp_path / "r"), PATH=str(tmp_path / "bin"), JAVA_HOME=""
    )
    assert status == 2
    assert "openjdk-17-jre-headless" in _one_line(output)


def test_no_compiler_where_settings_for_deepspeed_may_need_one(tmp_path: Path, chats: str) -> None:
    (tmp_path / "bin").mkdir()
    java = subprocess.run(["which", "java"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "bin" / "java").symlink_to(java)
    override = "launch.deepspeed={zero_optimization: {offload_optimizer: {device: cpu}}}"
    arguments = ("run", "--data", chats, "--root", str(tmp_path / "r"), "-o", override)
    status, output = parlance(*arguments, PATH=str(tmp_path / "bin"), JAVA_HOME="")
    assert status == 2
    assert "apt-get install g++" in _one_line(output)


def test_a_missing_file(tmp_path: Path) -> None:
    status, output = parlance("run", "--data", "/nowhere/chats.jsonl", "--root", str(tmp_path))
    assert status == 2
    assert "/nowhere/chats.jsonl: no such file or folder" in _one_line(output)


def test_a_root_that_cannot_be_written(tmp_path: Path, chats: str) -> None:
    (tmp_path / "file").touch()
    status, output = parlance("run", "--data", chats, "--root", str(tmp_path / "file" / "root"))
    assert status == 2
    assert "choose a writable folder" in _one_line(output)


def test_an_unknown_key_and_one_out_of_range(tmp_path: Path, chats: str) -> None:
    for override, says in (("train.stepz=1", "did you mean steps?"), ("train.steps=0", "train.steps: Input should be")):
        status, output = parlance("run", "--data", chats, "--root", str(tmp_path), "-o", override)
        assert status == 2
        assert says in _one_line(output)
    assert not (tmp_path / "runs").exists()


def test_a_run_that_does_not_exist(tmp_path: Path) -> None:
    status, output = parlance("explain", "abc", "--root", str(tmp_path))
    assert status == 2
    assert "no such run" in _one_line(output)


def _help(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    return capsys.readouterr().out


def test_help_lists_every_command_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    text = _help(capsys)
    for row in COMMANDS:
        assert f"{row.name:<8}  {row.does}" in text


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_help_of_a_command_says_what_it_does_and_explains_its_options(
    row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _help(capsys, row.name)
    assert row.does[1:] + "." in text
    if row.name == "keys":
        text = _help(capsys, row.name, "add")
    assert "--root ROOT" in text


def test_every_command_line_that_help_and_documents_show_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [_help(capsys), *(_help(capsys, row.name) for row in COMMANDS)]
    texts += [path.read_text(encoding="utf-8") for path in (PROJECT / "README.md", *(PROJECT / "docs").glob("*.md"))]
    whole = [re.sub(r"\\\n *", "", text) for text in texts]  # lines that end with a backslash go on
    shown = [line for text in whole for line in re.findall(r"^ *parlance (.+)$", text, re.MULTILINE)]
    assert "explain --rule too_short --examples 3" in shown
    for line in shown:
        words = shlex.split(re.split(r"  +| \| ", line)[0], comments=True)
        assert callable(parser().parse_args(words).command), line


def test_help_of_any_command_loads_no_engine() -> None:
    help_ = "import contextlib, sys; from pipeline.cli import main\n"
    for row in COMMANDS:
        help_ += f"with contextlib.suppress(SystemExit): main(['{row.name}', '--help'])\n"
    heavy = ("numpy", "pandas", "pyarrow.dataset", "pyspark", "torch", "transformers", "mlflow", "matplotlib")
    help_ += f"assert not [name for name in {heavy} if name in sys.modules], sorted(sys.modules)"
    done = subprocess.run([sys.executable, "-c", help_], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_corpus_that_cleaning_empties_is_refused_with_the_rule_and_the_key(tmp_path: Path, chats: str) -> None:
    status, output = parlance(
        "run",
        "--data",
        chats,
        "--root",
        str(tmp_path),
        "-o",
        "clean.rules.min_chars=1000",
        "-o",
        "clean.rules.languages=[]",
    )
    assert status == 2
    assert "too_short" in output
    assert "min_chars" in output
    assert not list(tmp_path.glob("artifacts/clean/*/manifest.json"))
