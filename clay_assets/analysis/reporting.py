"""A classifier's report for a person, as Markdown."""

from collections.abc import Mapping
from typing import Any


def report_markdown(report: Mapping[str, Any]) -> str:
    """How far to trust a classifier.

    Args:
        report: JSON values of `classifier.Report`.
    """
    counts = ", ".join(f"{name} {rows}" for name, rows in report["labels"].items())
    lines = [f"{report['model']} on {report['product']}, labels: {counts}", ""]
    validation = report["validation"]
    if validation is None:
        return "\n".join([*lines, str(report["note"])])
    trust = (
        f"On ground it had not seen ({len(validation['folds'])} folds over {validation['blocks']} "
        f"blocks of {validation['side_km']:g} km): balanced accuracy "
        f"**{validation['balanced_accuracy']:.3f}**, macro F1 {validation['macro_f1']:.3f}, chance "
        f"{1 / len(validation['classes']):.3f}. With rows scattered at random it would look like "
        f"{validation['scattered_balanced_accuracy']:.3f}."
    )
    return "\n".join(
        [
            *lines,
            trust,
            "",
            *_table(
                ("class", "labels", "precision", "recall", "F1"),
                [
                    (c["name"], c["labelled"], c["precision"], c["recall"], c["f1"])
                    for c in validation["classes"]
                ],
            ),
            "",
            *_table(
                ("confidence from", "share left", "of that right"),
                [
                    (at["confidence"], at["share"], at["accuracy"])
                    for at in validation["confidences"]
                ],
            ),
        ]
    )


def _table(titles: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    cells = ["| " + " | ".join(map(_cell, row)) + " |" for row in [titles, *rows]]
    return [cells[0], "|" + "---|" * len(titles), *cells[1:]]


def _cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
