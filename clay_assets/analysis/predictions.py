"""What a classifier tells of every row of its product."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from clay_assets.analysis.classifier import Classifier
from clay_assets.analysis.rows import KEPT, batches
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.store import Store


@dataclass(frozen=True)
class PredictionFilter:
    """Which predictions are wanted."""

    min_confidence: float = 0.0
    """Only rows that the classifier is so sure of, 0 to 1."""
    classes: tuple[str, ...] = ()
    """Only rows of these classes; all when empty."""
    tiles: tuple[str, ...] = ()
    """Only rows of these tiles; all when empty."""

    def __post_init__(self) -> None:
        """Check the least confidence."""
        if not 0 <= self.min_confidence <= 1:
            raise InvalidValueError(f"min_confidence must be 0 to 1, got {self.min_confidence}")


def predict(
    store: Store, classifier: Classifier, wanted: PredictionFilter | None = None
) -> Iterator[pa.Table]:
    """Predictions of all rows, or of those wanted, some thousand at a time.

    Yields:
        Columns `rows.KEPT`, `class`, `confidence`, and `p_<class>` for each class.

    Raises:
        InvalidValueError: the classifier has no such class.
        NotFoundError: the product has no such tile.
    """
    wanted = wanted or PredictionFilter()
    unknown = sorted({*wanted.classes} - {*classifier.classes})
    if unknown:
        raise InvalidValueError(
            f"classes must be some of {', '.join(classifier.classes)}, got {', '.join(unknown)}"
        )
    files = _files(classifier, wanted.tiles)
    return (_told(rows, classifier, wanted) for rows in batches(store, files, "Predicting"))


def _files(classifier: Classifier, tiles: Collection[str]) -> Sequence[SourceFile]:
    files = [file for file in classifier.files if not tiles or file.tile in tiles]
    missing = sorted({*tiles} - {file.tile for file in files})
    if missing:
        raise NotFoundError(
            f"product {classifier.report.product!r} has no tile {', '.join(missing)}; it has "
            f"{len(classifier.files)}, from {classifier.files[0].tile} to "
            f"{classifier.files[-1].tile}"
        )
    return files


def _told(rows: pa.Table, classifier: Classifier, wanted: PredictionFilter) -> pa.Table:
    shares = classifier.shares(embedding_of(rows))
    best, names = shares.argmax(axis=1), np.array(classifier.classes)
    table = rows.select(KEPT)
    table = table.append_column("class", pa.array(names[best], pa.string()))
    table = table.append_column("confidence", pa.array(shares.max(axis=1)))
    for number, name in enumerate(classifier.classes):
        table = table.append_column(f"p_{name}", pa.array(np.ascontiguousarray(shares[:, number])))
    keep = shares.max(axis=1) >= np.float32(wanted.min_confidence)
    if wanted.classes:
        keep &= np.isin(names[best], wanted.classes)
    return table.filter(pa.array(keep))
