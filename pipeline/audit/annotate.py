"""annotate: what each conversation is about, whom it mentions, and how it sounds; scored once."""

from configs.audit import Audit
from pipeline.audit.annotation import TEXT_COLUMNS, TEXT_SCHEMA, TOPIC_SCHEMA, of_texts, of_vectors
from pipeline.contract.execute import StageContext
from pipeline.people.lists import of_profile
from pipeline.spark.session import session_of


def annotate(context: StageContext) -> None:
    """Leaves data/ (see docs/artifacts.md) and `language`, which deduplicate's row has.

    Topics are read shard by shard, since a shard of embed holds whole conversations: only names and
    numbers pass through a shuffle, never vectors or texts.
    """
    from pipeline.embed.encoder import Encoder
    from pipeline.spark.frames import read_rows, write_rows

    settings: Audit = context.config("audit")
    names, least = sorted(settings.topics), settings.min_similarity
    encoder = Encoder(context.config("embed.model"), context.config("embedding.device"))
    topics_TD = encoder.encode_texts([settings.topics[name] for name in names])
    spark = session_of(context)
    source, model = context.inputs["deduplicate"], context.inputs["sentiment"].path
    shards = sorted(str(p) for p in context.inputs["embed"].parquet().glob("*.parquet"))
    paths = spark.createDataFrame([(p,) for p in shards], "path string").repartition(min(len(shards), 1000))
    topics = paths.mapInArrow(lambda batches: of_vectors(batches, names, topics_TD, least), TOPIC_SCHEMA)
    texts = read_rows(spark, source.parquet()).select(*TEXT_COLUMNS, "messages")
    words = of_profile(settings)
    annotated = texts.mapInArrow(lambda batches: of_texts(batches, model, words), TEXT_SCHEMA).join(topics, "row_id")
    scores = ("topic", "topic_similarity", "sentiment", "emotion", "emotions", "mentions")
    columns = ("row_id", "source", "split", *scores, "language")
    rows = source.ledger.rows_out
    context.ledger.rows_in = rows
    context.ledger.rows_out = write_rows(annotated.select(*columns), context.out / "data", rows)
    context.metrics["topics"] = len(names)
