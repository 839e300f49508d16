"""Spatially blocked cross-validation: how well a classifier does on ground it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clay_assets.analysis.blocks import Blocks, Footprints, Numbers, apart_from
from clay_assets.analysis.models import fit, probabilities
from clay_assets.analysis.rows import Vectors

CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Thresholds at which the report says how much is left and how much of that is right."""


@dataclass(frozen=True)
class Fold:
    """One round: learnt from the other blocks, tested on these."""

    blocks: int
    """That were tested on."""
    trained: int
    """Rows learnt from."""
    tested: int
    """Rows tested on."""
    left_out: int
    """Rows of other blocks that share ground with a tested one; neither."""
    balanced_accuracy: float
    """Mean recall of the classes that were tested."""


@dataclass(frozen=True)
class ClassScore:
    """How well one class is told."""

    name: str
    """The class."""
    labelled: int
    """Rows with it."""
    precision: float
    """Of the rows told to be of it, the share that is."""
    recall: float
    """Of its rows, the share told."""
    f1: float
    """Harmonic mean of both."""


@dataclass(frozen=True)
class AtConfidence:
    """What a threshold leaves."""

    confidence: float
    """Least confidence."""
    share: float
    """Of the tested rows that reach it."""
    accuracy: float | None
    """Of those, the share told right; None where there are none."""


@dataclass(frozen=True)
class Validation:
    """What held-out ground says; every row was tested once."""

    side_km: float
    """Side of a block."""
    blocks: int
    """Blocks with labels."""
    folds: tuple[Fold, ...]
    """The rounds."""
    accuracy: float
    """Share told right."""
    balanced_accuracy: float
    """Mean recall of the classes; 1 / classes is chance."""
    macro_f1: float
    """Mean F1 of the classes."""
    log_loss: float
    """Of the confidences; 0 is best."""
    scattered_balanced_accuracy: float
    """The same with rows drawn at random for each fold: what leaks from neighbouring ground makes
    it look better."""
    classes: tuple[ClassScore, ...]
    """Each class."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows: the label. Columns: what was told."""
    confidences: tuple[AtConfidence, ...]
    """At each of `CONFIDENCES`."""

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)


def validate(
    kind: str,
    vectors: Vectors,
    classes: Numbers,
    footprints: Footprints,
    blocks: Blocks,
    names: Sequence[str],
    *,
    seed: int,
) -> Validation:
    """Test a kind of classifier on blocks it has not learnt from.

    Args:
        kind: one of `models.MODELS`.
        vectors: (N, D) of length 1.
        classes: (N,) numbers from 0 into `names`.
        footprints: (N,) in OGC:CRS84.
        blocks: with two folds or more.
        names: of the classes.
        seed: of the split and the classifier.
    """
    from sklearn.metrics import (
        balanced_accuracy_score,
        confusion_matrix,
        log_loss,
        precision_recall_fscore_support,
    )

    rounds = list(_rounds(blocks, classes, footprints, seed))
    shares, folds = _held_out(kind, vectors, classes, blocks, rounds, len(names), seed)
    told = shares.argmax(axis=1)
    numbers = np.arange(len(names))
    figures = precision_recall_fscore_support(classes, told, labels=numbers, zero_division=0)
    return Validation(
        side_km=blocks.side_km,
        blocks=blocks.count,
        folds=folds,
        accuracy=float((told == classes).mean()),
        balanced_accuracy=float(balanced_accuracy_score(classes, told)),
        macro_f1=float(figures[2].mean()),
        log_loss=float(log_loss(classes, _adding_up(shares), labels=numbers)),
        scattered_balanced_accuracy=_scattered(kind, vectors, classes, len(folds), seed),
        classes=tuple(
            ClassScore(name, int(labelled), float(precision), float(recall), float(f1))
            for name, precision, recall, f1, labelled in zip(names, *figures, strict=True)
        ),
        confusion=tuple(
            tuple(row) for row in confusion_matrix(classes, told, labels=numbers).tolist()
        ),
        confidences=tuple(_at(level, shares, classes) for level in CONFIDENCES),
    )


def _adding_up(shares: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Shares that add up to 1 in double precision, too."""
    wide = shares.astype(np.float64)
    adding_up: npt.NDArray[np.float64] = wide / wide.sum(axis=1, keepdims=True)
    return adding_up


def _rounds(
    blocks: Blocks, classes: Numbers, footprints: Footprints, seed: int
) -> Iterator[tuple[Numbers, Numbers, int]]:
    """Rows to learn from, rows to test on, and how many of other blocks are neither."""
    from sklearn.model_selection import StratifiedGroupKFold

    split = StratifiedGroupKFold(blocks.folds, shuffle=True, random_state=seed)
    for others, tested in split.split(classes, classes, blocks.of_row):
        if not len(tested):  # greedy: fewer folds than asked for, where blocks are very uneven
            continue
        trained = apart_from(footprints, others, tested)
        yield trained, tested, len(others) - len(trained)


def _held_out(
    kind: str,
    vectors: Vectors,
    classes: Numbers,
    blocks: Blocks,
    rounds: Sequence[tuple[Numbers, Numbers, int]],
    count: int,
    seed: int,
) -> tuple[npt.NDArray[np.float32], tuple[Fold, ...]]:
    shares, folds = np.full((len(classes), count), 1 / count, np.float32), []
    for trained, tested, left_out in rounds:
        if len(trained):
            estimator = fit(kind, vectors[trained], classes[trained], seed=seed)
            shares[tested] = probabilities(estimator, vectors[tested], count)
        right = shares[tested].argmax(axis=1) == classes[tested]
        recalls = [right[classes[tested] == each].mean() for each in np.unique(classes[tested])]
        tested_blocks = len(np.unique(blocks.of_row[tested]))
        score = float(np.mean(recalls))
        folds.append(Fold(tested_blocks, len(trained), len(tested), left_out, score))
    return shares, tuple(folds)


def _scattered(kind: str, vectors: Vectors, classes: Numbers, folds: int, seed: int) -> float:
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold

    told = np.empty_like(classes)
    for trained, tested in StratifiedKFold(folds, shuffle=True, random_state=seed).split(
        vectors, classes
    ):
        estimator = fit(kind, vectors[trained], classes[trained], seed=seed)
        shares = probabilities(estimator, vectors[tested], int(classes.max()) + 1)
        told[tested] = shares.argmax(axis=1)
    return float(balanced_accuracy_score(classes, told))


def _at(level: float, shares: npt.NDArray[np.float32], classes: Numbers) -> AtConfidence:
    kept = shares.max(axis=1) >= level
    right = shares.argmax(axis=1) == classes
    return AtConfidence(
        level, float(kept.mean()), float(right[kept].mean()) if kept.any() else None
    )
