"""sentiment: the model of emotions and sentiment that the audit judges by, trained or the one that is shipped."""

import json

from configs.audit import Emotion
from pipeline.contract.atomic_write import write_text
from pipeline.contract.execute import StageContext
from pipeline.contract.progress import say
from pipeline.sentiment.model import EmotionModel
from pipeline.sentiment.training import learned
from pipeline.sentiment.training_data import DEFAULT, labelled_rows
from pipeline.sentiment.unseen_words import unseen_words


def sentiment(context: StageContext) -> None:
    """Leaves emotion_model.json and `held_out.json`, how good it is on a fifth of its labelled texts that it has not
    learned from; the metrics say the same."""
    settings: Emotion = context.config("audit.emotion")
    if settings.training_data:
        rows = labelled_rows(settings.training_data)
        say(f"sentiment: learning from {len(rows):,} labelled texts")
        model = learned(rows, unseen_words())
    else:
        model = EmotionModel.load(DEFAULT.parent)
    model.save(context.out)
    held_out = model.about["held_out"]
    write_text(context.out / "held_out.json", json.dumps(held_out, indent=1) + "\n")
    say(
        f"sentiment: emotions {held_out['accuracy']:.1%} right (macro-F1 {held_out['macro_f1']:.3f}), "
        f"sentiment {held_out['sentiment_accuracy']:.1%} ({held_out['sentiment_macro_f1']:.3f}), on held-out texts"
    )
    context.metrics |= {**held_out, "features": len(model.features)}
