"""The stage leaves the model that is shipped, or one learned from the profile's labels, and says how good it is."""

from collections.abc import Callable
from pathlib import Path

from pipeline.contract.execute import execute
from pipeline.contract.run import Run
from pipeline.sentiment.model import EmotionModel
from pipeline.sentiment.training_data import DEFAULT
from tests.pipeline.sentiment.labelled import labelled

MEASURED = ("rows", "accuracy", "macro_f1", "calibration_error")


def test_by_default_the_shipped_model_and_its_figures(begin: Callable[..., Run]) -> None:
    [artifact] = execute(begin(), "sentiment")
    assert (artifact.path / "emotion_model.json").read_bytes() == DEFAULT.read_bytes()
    assert {*MEASURED, *(f"sentiment_{name}" for name in MEASURED), "features"} == artifact.metrics.keys()
    assert artifact.json("held_out.json").items() <= artifact.metrics.items()
    assert artifact.metrics["sentiment_accuracy"] > 0.705
    assert artifact.metrics["sentiment_macro_f1"] > 0.693
    assert artifact.metrics["calibration_error"] < 0.03


def test_labelled_texts_of_ones_own_make_another_model(begin: Callable[..., Run], tmp_path: Path) -> None:
    file = tmp_path / "emotions.tsv"
    file.write_text("text\tlabel\n" + "".join(f"{text}\t{min(labels)}\n" for text, labels in labelled()))
    run = begin(f"audit.emotion.training_data={file}")
    [artifact] = execute(run, "sentiment")
    assert artifact.path != execute(begin(name="other"), "sentiment")[0].path
    assert artifact.metrics["accuracy"] > 0.9
    assert "love" in EmotionModel.load(artifact.path).features
    assert run.fingerprint("annotate") != begin(name="third").fingerprint("annotate")
