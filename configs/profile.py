"""A profile: everything that one run is configured by."""

from typing import Any

from pydantic import Field, model_validator

from configs.acquire import Acquire
from configs.audit import Audit, Findings
from configs.balance import Balance
from configs.clean import Clean
from configs.deduplicate import Deduplicate
from configs.drift import Drift, Watch
from configs.embed import Embed, Embedding
from configs.engines import Spark, Storage
from configs.evaluate import Evaluate
from configs.model import Model
from configs.notify import Notify
from configs.plan import Plan
from configs.promote import Promote, Tracking
from configs.review import Approval, Review
from configs.section import Section
from configs.serving import Serving
from configs.tokenise import Tokenise
from configs.train import Launch, Train
from configs.vectors import Vectors


class Profile(Section):
    """One run, from sources to promotion. configs/profiles holds examples."""

    description: str = Field("", description="What the profile is for")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of everything random")

    acquire: Acquire = Field(description="What to read")
    clean: Clean = Field(default_factory=Clean, description="Repair, scores and rules")
    deduplicate: Deduplicate = Field(default_factory=Deduplicate, description="Duplicates and splits")
    embed: Embed = Field(default_factory=Embed, description="Sentence encoder")
    audit: Audit = Field(description="Topics, mentions, sentiment")
    findings: Findings = Field(default_factory=Findings, description="Thresholds of the audit")
    review: Review = Field(default_factory=Review, description="Who approves the data")
    approval: Approval = Field(default_factory=Approval, description="Whose answer counts")
    balance: Balance = Field(default_factory=Balance, description="Downsampling and augmentation")
    tokenise: Tokenise = Field(default_factory=Tokenise, description="Tokenizer and packing")
    model: Model = Field(default_factory=Model, description="Architecture")
    train: Train = Field(default_factory=Train, description="Optimisation")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="Scores")
    promote: Promote = Field(default_factory=Promote, description="Gate")

    storage: Storage = Field(default_factory=Storage, description="Artifacts and runs")
    spark: Spark = Field(default_factory=Spark, description="Spark session")
    embedding: Embedding = Field(default_factory=Embedding, description="How the encoder runs")
    vectors: Vectors = Field(default_factory=Vectors, description="Vector store")
    launch: Launch = Field(default_factory=Launch, description="Where training runs")
    tracking: Tracking = Field(default_factory=Tracking, description="MLflow")
    serving: Serving = Field(default_factory=Serving, description="`parlance serve`")
    plan: Plan = Field(default_factory=Plan, description="What `parlance plan` assumes")
    drift: Drift = Field(default_factory=Drift, description="A corpus against the champion's")
    watch: Watch = Field(default_factory=Watch, description="When to train anew")
    notify: Notify = Field(default_factory=Notify, description="Who is told of what")

    @model_validator(mode="before")
    @classmethod
    def _tokenizer_follows_weights(cls, values: Any) -> Any:
        """tokenise.tokenizer is that of model.pretrained, unless it is named."""
        if not isinstance(values, dict):
            return values
        tokenise, model = values.get("tokenise") or {}, values.get("model") or {}
        if isinstance(tokenise, dict) and isinstance(model, dict) and model.get("pretrained"):
            return values | {"tokenise": {"tokenizer": "pretrained"} | tokenise}
        return values

    @model_validator(mode="after")
    def _weights_have_the_tokenizer(self) -> "Profile":
        if self.tokenise.tokenizer == "pretrained" and not self.model.pretrained:
            raise ValueError("tokenise.tokenizer: pretrained, but model.pretrained is empty; name weights there")
        return self
