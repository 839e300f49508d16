"""Evaluations of image sets, as they are kept in the store."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from clay_assets import __version__
from clay_assets.errors import NotFoundError
from clay_assets.evaluation.evaluate import (
    CODE_VERSION,
    Evaluation,
    EvaluationSettings,
    evaluate,
)
from clay_assets.evaluation.labels import Labels, labels_of
from clay_assets.evaluation.vectors import ProductVectors, image_vectors
from clay_assets.images.sets import read_set
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

_FOLDER = "image_evaluations"


@dataclass(frozen=True)
class EvaluationReport:
    """What evaluating one product on one image set came to."""

    product: str
    """Its name."""
    image_set: str
    """Name of the set."""
    labels: str | None
    """Rule or table of the set; None where it has no labels, and so no figures."""
    evaluation: Evaluation | None
    """The figures; None without labels."""
    stored_bytes: int
    """Size of the embeddings' file."""
    inputs: str
    """Fingerprint of vectors, labels and settings."""
    run_id: str
    """Run that computed it."""
    package_version: str
    """Version of this package."""
    skipped: bool = False
    """Whether it was there already, made from the same inputs."""

    def to_json(self) -> str:
        """Itself as JSON text."""
        values = asdict(self)
        values.pop("skipped")
        return json.dumps(values, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> "EvaluationReport":
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        if values["evaluation"] is not None:
            values["evaluation"] = Evaluation(**values["evaluation"])
        return cls(**values, skipped=True)


def evaluation_key(product: str, image_set: str) -> str:
    """Where an evaluation lies in the store."""
    return f"{_FOLDER}/{product}/{image_set}.json"


def evaluate_image_set(
    store: Store, product: str, image_set: str, settings: EvaluationSettings, *, run_id: str
) -> EvaluationReport:
    """Compare the vectors of an image set with the labels that the set declares.

    Nothing is computed or written when vectors, labels and settings are those of last time. A set
    without labels has a report without figures.

    Raises:
        NotFoundError: no such set, no embeddings of it, or no such table of labels.
        InvalidValueError: the labels are not usable, see `labels.labels_of` and `evaluate`.
    """
    source = read_set(store, image_set).labels
    vectors = image_vectors(store, product, image_set)
    labels = None if source is None else labels_of(source).of(vectors.names)
    inputs = fingerprint(CODE_VERSION, vectors.version, labels, asdict(settings))
    key = evaluation_key(product, image_set)
    previous = report_if_any(store, key)
    if previous is not None and previous.inputs == inputs:
        return previous
    figures = None
    if labels is not None:
        figures = evaluate(vectors.rows, labels, vectors.gather, settings)
    report = EvaluationReport(
        product=product,
        image_set=image_set,
        labels=source,
        evaluation=figures,
        stored_bytes=vectors.stored_bytes,
        inputs=inputs,
        run_id=run_id,
        package_version=__version__,
    )
    store.write_bytes(key, report.to_json().encode())
    return report


def evaluate_vectors(
    vectors: ProductVectors, labels: Labels, settings: EvaluationSettings
) -> Evaluation:
    """Compare vectors with labels.

    Raises:
        InvalidValueError: the labels are not usable, see `evaluate`.
    """
    return evaluate(vectors.rows, labels.of(vectors.names), vectors.gather, settings)


def report_if_any(store: Store, key: str) -> EvaluationReport | None:
    """An evaluation; None when there is none, or one of another version of this package."""
    try:
        return EvaluationReport.from_json(store.read_bytes(key))
    except NotFoundError:
        return None
    except (ValueError, TypeError, KeyError):
        return None
