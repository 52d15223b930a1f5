"""From conversations to the word pieces of their segments. Imports no torch, so a process of it starts at once."""

from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa

from pipeline.embed.model_folder import ModelFolder
from pipeline.embed.segments import Segment, TurnTokens, segments
from pipeline.embed.word_pieces import WordPieces


@dataclass(frozen=True)
class TokenLists:
    """Token ids of N texts, special tokens included, one after the other.

    ids_T: int32 [sum of lengths]. lengths_N: int32 [N].
    """

    ids_T: np.ndarray
    lengths_N: np.ndarray


@dataclass(frozen=True)
class Segmented:
    """The segments of some conversations, in their order. rows: all columns of embed's table but the vectors."""

    conversations: int
    rows: pa.Table
    tokens: TokenLists

    def with_vectors(self, vectors_ND: np.ndarray) -> pa.Table:
        """Embed's table."""
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(vectors_ND)), vectors_ND.shape[1])
        return self.rows.append_column(segments_schema(vectors_ND.shape[1]).field("vector"), vectors)


class Segmenter:
    """Cuts conversations as a sentence encoder reads them.

    max_tokens: longest segment, special tokens included (the encoder's own limit applies too).
    max_segments: segments kept of one conversation.
    """

    def __init__(self, folder: ModelFolder, max_tokens: int, max_segments: int) -> None:
        self._tokenizer = folder.tokenizer
        self._word_pieces = WordPieces(folder.tokenizer)
        self._before, self._after = folder.special_tokens
        self._room = min(max_tokens, folder.longest) - len(self._before) - len(self._after)
        self._max_segments = max_segments

    def segments(self, conversations: list[list[str]]) -> list[list[Segment]]:
        """The segments of each conversation (a list of its turns' texts)."""
        flat = [turn for turns in conversations for turn in turns]
        ids = iter(self._word_pieces(flat))
        return [
            segments([self._turn(turn, next(ids)) for turn in turns], self._room, self._max_segments)
            for turns in conversations
        ]

    def _turn(self, text: str, ids: list[int]) -> TurnTokens:
        if len(ids) <= self._room:
            return TurnTokens(ids, [])
        # word by word there are no offsets
        return TurnTokens(ids, [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets])

    def tokens(self, found: list[Segment]) -> TokenLists:
        """What the encoder reads of these segments."""
        before, after = self._before, self._after
        ids = chain.from_iterable(chain(before, segment.ids, after) for segment in found)
        specials = len(before) + len(after)
        lengths = np.fromiter((len(segment.ids) + specials for segment in found), np.int32, len(found))
        return TokenLists(np.fromiter(ids, np.int32, int(lengths.sum())), lengths)

    def __call__(self, shard: pa.Table) -> Segmented:
        """The segments of a table of row_id and messages."""
        messages = shard["messages"].combine_chunks()
        contents = messages.flatten().field("content").to_pylist()
        ends = (messages.offsets.to_numpy() - messages.offsets[0].as_py()).tolist()
        cut = self.segments([contents[a:b] for a, b in pairwise(ends)])
        flat = [segment for found in cut for segment in found]
        row = np.repeat(np.arange(len(cut)), [len(found) for found in cut])
        columns = [
            shard["row_id"].take(pa.array(row)),
            [number for found in cut for number in range(len(found))],
            [segment.first_turn for segment in flat],
            [segment.last_turn for segment in flat],
            [segment.first_char for segment in flat],
        ]
        return Segmented(len(cut), pa.table(columns, schema=segments_schema(1).remove(5)), self.tokens(flat))


def segments_schema(dimensions: int) -> pa.Schema:
    """The columns of embed's table."""
    integers = [(name, pa.int32()) for name in ("segment", "first_turn", "last_turn", "first_char")]
    return pa.schema([("row_id", pa.string()), *integers, ("vector", pa.list_(pa.float32(), dimensions))])
