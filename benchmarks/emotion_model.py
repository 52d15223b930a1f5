"""Makes pipeline/sentiment/emotion_model.json, the model of emotions and sentiment that is shipped.

    python -m benchmarks.emotion_model [FOLDER]

FOLDER holds GoEmotions with Ekman's labels (Demszky et al. 2020, Apache-2.0), emotions_ekman_train.tsv.gz and
emotions_ekman_dev.tsv.gz. It is what the stage `sentiment` makes of them when audit.emotion.training_data names them:
two tenths of the texts (pipeline/sentiment/training.py, `fold_of`) only measure. Lines of our own teach besides
(benchmarks/emotion_lines.py).
"""

import json
from pathlib import Path

from benchmarks.arguments import argument, shared_data
from benchmarks.emotion_lines import emotion_lines
from pipeline.sentiment.training import learned
from pipeline.sentiment.training_data import DEFAULT, rows_of
from pipeline.sentiment.unseen_words import unseen_words

LANGUAGE = "en"
ABOUT = "Emotions and sentiment of English texts: TF-IDF and logistic regression by benchmarks/emotion_model.py"
LICENCE = "GoEmotions (Demszky et al. 2020), from which this is learned, is Apache-2.0"


def main() -> None:
    folder = argument(__doc__, "folder", Path, shared_data() / "labelled", "folder of GoEmotions with Ekman's labels")
    assert folder is not None
    files = sorted(folder.glob("emotions_ekman_*.tsv.gz"))
    rows = [row for file in files for row in rows_of(file)]
    model = learned(rows, unseen_words(LANGUAGE), emotion_lines(), about=ABOUT, licence=LICENCE)
    model.save(DEFAULT.parent)
    figures = {"features": len(model.features), "bytes": DEFAULT.stat().st_size, "temperature": model.temperature}
    print(json.dumps(figures | model.about["held_out"]))


if __name__ == "__main__":
    main()
