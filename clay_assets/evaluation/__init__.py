"""Evaluation: vectors and labels in, figures out by which products can be compared."""

from clay_assets.evaluation.comparison import (
    as_markdown,
    compare_products,
    comparison_key,
    comparison_table,
)
from clay_assets.evaluation.evaluate import CODE_VERSION, Evaluation, EvaluationSettings
from clay_assets.evaluation.reports import (
    EvaluationReport,
    evaluate_image_set,
    evaluate_vectors,
    evaluation_key,
)

__all__ = [
    "CODE_VERSION",
    "Evaluation",
    "EvaluationReport",
    "EvaluationSettings",
    "as_markdown",
    "compare_products",
    "comparison_key",
    "comparison_table",
    "evaluate_image_set",
    "evaluate_vectors",
    "evaluation_key",
]
