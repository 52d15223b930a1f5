"""What people thought of the replies of a time."""

from sqlalchemy import case, func, select

from pipeline.watch.reasons import Ratings
from serving.dialogue.database import Database
from serving.dialogue.tables import Feedback, Message


def ratings_since(database: Database, since: float) -> Ratings:
    """Of the replies that were given since a time (seconds since 1970). Counts alone, whoever has consented or not:
    nobody is named, and nothing is learned from it."""
    disliked = Feedback.correction.is_not(None) | (Feedback.rating == -1)
    liked = (Feedback.rating == 1) & Feedback.correction.is_(None)
    counts = [func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in (liked, disliked)]
    with database.reading() as session:
        found = session.execute(
            select(*counts).join(Message, Message.id == Feedback.message_id).where(Message.created >= since)
        )
        return Ratings(*(int(count) for count in found.one()))
