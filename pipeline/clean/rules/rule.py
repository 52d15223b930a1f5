"""What a rule is: a name, its evidence, its setting, and the decision over a table of scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from configs.clean import Rules

Failed = npt.NDArray[np.bool_]
"""[rows]: whether each fails."""


class Scored:
    """Rows with their scores. As numbers: float64 [rows]; a missing one is NaN, which fails no rule."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.rows = table.num_rows

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        return self.table[name].to_numpy().astype(np.float64)

    def none(self) -> Failed:
        """No row."""
        return np.zeros(self.rows, bool)

    def array(self, name: str) -> pa.Array:
        """A column in one piece."""
        return self.table[name].combine_chunks()

    def any(self, name: str, found: npt.NDArray[np.bool_]) -> Failed:
        """Whether any item of each row's list is found. found: of the items of all rows, one after another."""
        return self.sum(name, found) > 0

    def starts(self, name: str) -> npt.NDArray[np.int64]:
        """[rows + 1]: where each row's list begins among the items of all rows."""
        return np.cumsum([0, *self.array(name).value_lengths().fill_null(0).to_pylist()])

    def sum(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Sum over each row's list. values: of the items of all rows, one after another."""
        counts = self.array(name).value_lengths().fill_null(0).to_numpy()
        rows = np.repeat(np.arange(self.rows), counts)
        return np.bincount(rows, values, self.rows).astype(np.float64)


@dataclass(frozen=True)
class Rule:
    """One reason to drop a conversation.

    name: what the row is dropped for; also the name of the rule's file. evidence: the scores that decide, columns
    of `score`. setting: the field of configs.clean.Rules to relax, "" where there is none. fails: the decision,
    for all rows at once.
    """

    name: str
    evidence: tuple[str, ...]
    setting: str
    fails: Callable[[Scored, Rules], Failed]


def is_in(values: pa.Array, wanted: list[str]) -> npt.NDArray[np.bool_]:
    """[values]: whether each is among the wanted; null is not."""
    return pc.is_in(values, value_set=pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
