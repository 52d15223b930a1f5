"""One line of the audit, and what can be done about it."""

from dataclasses import dataclass, field

READ = "read the examples; "
REMEDIES = {
    "sentiment gap": READ + "add conversations that speak of the group as of others (balance.counterfactual_share), or "
    "remove the source that does not (review --remove-sources)",
    "emotion gap": READ + "downsample what shows the emotion or add conversations that show others",
    "offensiveness gap": READ + "lower clean.rules.max_offensive, or remove the source",
    "stereotype": READ
    + "add counterfactual copies (balance.counterfactual_share) or conversations that show the group "
    "otherwise",
    "occupations": READ + "add counterfactual copies (balance.counterfactual_share), which give the occupations to the "
    "other groups too",
    "word association": READ + "where it is a stereotype and no fact, add conversations that show the group otherwise",
    "agency": READ + "add counterfactual copies (balance.counterfactual_share)",
    "group under-represented": "add conversations on the group (a source that has them, or synthetic rows), or state "
    "another reference under findings.reference",
    "group absent": "state findings.reference if the group should be there",
    "topic over-represented": "lower balance.max_topic_share, or add sources on other topics",
    "topic under-represented": "add sources on the topic, or leave it out of audit.topics",
    "topic association": READ + "add conversations that mention the group in other topics",
    "source dominance": "weigh sources by acquire.sources.weight, or add others",
    "language mix": "keep the languages that are meant (clean.rules.languages)",
    "length bias": "drop pairs whose lengths differ most, or train with a length-normalised objective (orpo)",
}


@dataclass(frozen=True)
class Finding:
    """One line of the audit. subject is `topic`, `attribute`, `attribute:group`, two of these or `source`.

    value is held against threshold. rows: conversations that it stands on. examples: ids of up to three of them.
    sentences: which of each example's statements on groups is meant; empty where all of it is. effect, low, high: with
    its 95% interval, on the scale of value. q: the false discovery rate. remedy: what to do.
    What does not apply is None.
    """

    severity: str
    kind: str
    subject: str
    value: float
    threshold: float
    message: str
    rows: int | None = None
    examples: list[str] = field(default_factory=list)
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    q: float | None = None
    remedy: str = ""
    sentences: list[int] = field(default_factory=list)
