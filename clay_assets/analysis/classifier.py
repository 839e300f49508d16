"""A classifier of chips or patches, trained on labels, with a word on how far to trust it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from clay_assets.analysis.blocks import blocks_of
from clay_assets.analysis.models import check_model, fit, probabilities
from clay_assets.analysis.rows import Vectors, batches, files_of, named_rows, version_of
from clay_assets.analysis.validation import Validation, validate
from clay_assets.errors import InvalidValueError
from clay_assets.provenance import fingerprint
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same labels and vectors would give another classifier."""
MOST_LABELS = 25_000
MOST_CLASSES = 32
MOST_BACKGROUND = 5_000
BACKGROUND = "background"
"""Class of rows drawn at random, where a person has only marked what is looked for."""

Labels = Mapping[str, str]
"""Row id -> class."""


@dataclass(frozen=True)
class ClassifierSettings:
    """How a classifier is trained and tested."""

    model: str = "logistic"
    """One of `models.MODELS`."""
    folds: int = 5
    """Rounds of the cross-validation, fewer where the labels lie too close together."""
    block_km: float | None = None
    """Side of a block of ground; None for the largest that allows the folds."""
    background: int = 0
    """So many rows without a label, drawn at random, are a class of their own, `BACKGROUND`."""
    seed: int = 0
    """Of whatever is random."""

    def __post_init__(self) -> None:
        """Check what an arbitrary value could not be."""
        check_model(self.model)
        if not 2 <= self.folds <= 20:
            raise InvalidValueError(f"folds must be 2 to 20, got {self.folds}")
        if self.block_km is not None and not 0.1 <= self.block_km <= 1000:
            raise InvalidValueError(f"block_km must be 0.1 to 1000, got {self.block_km}")
        if not 0 <= self.background <= MOST_BACKGROUND:
            raise InvalidValueError(
                f"background must be 0 to {MOST_BACKGROUND} rows, got {self.background}"
            )


@dataclass(frozen=True)
class Report:
    """What a classifier learnt from, and how well it does elsewhere."""

    product: str
    """Whose vectors it takes."""
    model: str
    """One of `models.MODELS`."""
    labels: Mapping[str, int]
    """Class -> rows that it learnt from."""
    validation: Validation | None
    """On ground that it had not seen; None where the labels allow none."""
    note: str | None
    """Why there is no validation."""

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Classifier:
    """A classifier of one product's vectors."""

    version: str
    """Changes with its labels, settings, or the vectors of the product."""
    classes: tuple[str, ...]
    """What it tells, sorted."""
    files: tuple[SourceFile, ...]
    """Files of the product when it was trained."""
    report: Report
    """How well it does."""
    estimator: Any
    """Fitted on all labels."""

    def shares(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """(N, K) confidence in each class; a row's numbers add up to 1."""
        return probabilities(self.estimator, vectors, len(self.classes))


def classifier_version(
    files: Sequence[SourceFile], labels: Labels, settings: ClassifierSettings
) -> str:
    """Version of the classifier that these would give."""
    return fingerprint(CODE_VERSION, version_of(files), sorted(labels.items()), asdict(settings))


def train(
    store: Store, product: str, labels: Labels, settings: ClassifierSettings | None = None
) -> Classifier:
    """Train on labels and test by spatially blocked cross-validation.

    Args:
        store: with the product's embedding files.
        product: of level mean, cls, chip or patch.
        labels: row id, of a chip or for patch products of a patch, -> class.
        settings: how; those of `ClassifierSettings` by default.

    Raises:
        InvalidValueError: there are too few or too many labels or classes.
        NotFoundError: the product has no embeddings, or no such row.
    """
    settings = settings or ClassifierSettings()
    _check(labels, settings)
    files = files_of(store, product)
    rows = named_rows(store, files, list(labels))
    vectors = embedding_of(rows)
    footprints = shapely.from_wkb(rows["geometry"].to_numpy())
    named = list(labels.values())
    if settings.background:
        more = _background(store, files, labels, settings)
        vectors = np.concatenate([vectors, more[0]])
        footprints = np.concatenate([footprints, more[1]])
        named += [BACKGROUND] * len(more[0])
    names = sorted(set(named))
    classes = np.searchsorted(names, named)
    blocks = blocks_of(footprints, classes, folds=settings.folds, side_km=settings.block_km)
    note = None if blocks.folds >= 2 else _why_not(named, blocks.side_km)
    report = Report(
        product,
        settings.model,
        dict(sorted(Counter(named).items())),
        None
        if note
        else validate(
            settings.model, vectors, classes, footprints, blocks, names, seed=settings.seed
        ),
        note,
    )
    estimator = fit(settings.model, vectors, classes, seed=settings.seed)
    version = classifier_version(files, labels, settings)
    return Classifier(version, tuple(names), files, report, estimator)


def _check(labels: Labels, settings: ClassifierSettings) -> None:
    kinds = Counter(labels.values())
    if settings.background:
        if BACKGROUND in kinds:
            raise InvalidValueError(
                f"class {BACKGROUND!r} is both a label and drawn at random; rename the label, or "
                "leave background at 0"
            )
        kinds[BACKGROUND] = settings.background
    if len(labels) > MOST_LABELS:
        raise InvalidValueError(f"labels must be at most {MOST_LABELS}, got {len(labels)}")
    if not labels or not 2 <= len(kinds) <= MOST_CLASSES:
        raise InvalidValueError(
            f"labels must be of 2 to {MOST_CLASSES} classes, got {len(kinds)} "
            f"({', '.join(list(kinds)[:5]) or 'none'}); mark rows of another class, or set "
            "background to compare with rows drawn at random"
        )


def _background(
    store: Store, files: Sequence[SourceFile], labels: Labels, settings: ClassifierSettings
) -> tuple[Vectors, npt.NDArray[np.object_]]:
    """Vectors and footprints of rows without a label."""
    share = settings.background / sum(file.rows for file in files)
    rng, vectors, footprints = np.random.default_rng(settings.seed), [], []
    for rows in batches(store, files, "Drawing background"):
        drawn = rng.random(len(rows)) < share
        drawn &= np.fromiter((id_ not in labels for id_ in rows["id"].to_pylist()), bool, len(rows))
        chosen = rows.filter(drawn)
        vectors.append(embedding_of(chosen))
        footprints.append(shapely.from_wkb(chosen["geometry"].to_numpy()))
    found = np.concatenate(vectors)
    if not len(found):
        raise InvalidValueError(
            f"background {settings.background} drew no row without a label; ask for more"
        )
    return found, np.concatenate(footprints)


def _why_not(named: Sequence[str], side_km: float) -> str:
    rarest = min(Counter(named).items(), key=lambda item: item[1])
    return (
        f"no cross-validation: all labels of some class lie within one block of {side_km:g} km "
        f"(rarest is {rarest[0]!r}, {rarest[1]} rows); label more of it elsewhere"
    )
