"""Ways to make one score of several examples.

| mode | score of a row |
|---|---|
| `max` | cosine to the nearest positive - 0.5 x cosine to the nearest negative; the default |
| `mean` | cosine to mean of positives - 0.5 x mean of negatives, as GeoVibes does |
| `rocchio` | cosine to mean of positives - 0.25 x mean of negatives |
| `ridge` | cosine to the direction in which ridge regression tells the positives from the
negatives and 1,000 random rows |

`max` finds kinds that do not look like each other, and `ridge` what is one kind among many. The
last three are linear: one direction is looked for, whatever the number of examples. Which does
how well is measured in `clay_assets_tests/search/test_modes.py`.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from clay_assets.errors import SearchError
from clay_assets.search.hits import Examples

BACKGROUND_ROWS = 1_000
"""Random rows that `ridge` takes for negatives."""
_MEAN_NEGATIVE_WEIGHT = 0.5
_ROCCHIO_NEGATIVE_WEIGHT = 0.25
_RIDGE_PENALTY = 0.01


def combined(examples: Examples, mode: str, background: Callable[[], np.ndarray]) -> Examples:
    """The examples as a mode looks for them.

    Args:
        examples: unit vectors.
        mode: one of `query.MODES`.
        background: gives (B, D) random rows, unit vectors, none of them an example.

    Raises:
        SearchError: the examples cancel each other out.
    """
    if mode == "max":
        return examples
    positives, negatives = (
        vectors.astype(np.float64) for vectors in (examples.positives, examples.negatives)
    )
    if mode == "ridge":
        direction = _ridge(positives, np.concatenate([negatives, background()]))
    else:
        weight = _MEAN_NEGATIVE_WEIGHT if mode == "mean" else _ROCCHIO_NEGATIVE_WEIGHT
        direction = positives.mean(axis=0)
        if len(negatives):
            direction = direction - weight * negatives.mean(axis=0)
    length = float(np.linalg.norm(direction))
    if length < 1e-6:
        raise SearchError(
            f"the examples of mode {mode!r} cancel each other out, there is no direction to look "
            f"in ({len(positives)} positives, {len(negatives)} negatives); use mode 'max'"
        )
    unit = (direction / length).astype(np.float32)[None]
    return replace(examples, positives=unit, negatives=examples.negatives[:0], is_direction=True)


def _ridge(positives: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Weights of the ridge regression to 1 for positives and 0 for others.

    Solved for the rows, of which there are about a thousand, not for the dimensions.
    """
    rows = np.concatenate([positives, others])
    wanted = np.concatenate([np.ones(len(positives)), np.zeros(len(others))])
    kernel = rows @ rows.T
    kernel[np.diag_indices_from(kernel)] += _RIDGE_PENALTY
    weights: np.ndarray = np.linalg.solve(kernel, wanted) @ rows
    return weights
