"""What is taken from an encoder: which layers, which tokens of them, and how they become vectors.

A declaration is checked twice: what contradicts itself when it is made, what the network cannot
give when it meets the network's layout. Nothing that is declared is ever ignored.
"""

# G band groups, D token width; rows and columns of the patch tokens

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from clay_assets.errors import ProductError

if TYPE_CHECKING:
    from clay_assets.models.token_encoder import Layer, Layout

LEVELS = ("mean", "cls", "chip", "patch", "group")
"""One vector a chip: the mean of its patch tokens, its class token, or as `pooling` says; one a
patch, its band groups averaged; one a patch and band group."""
POOLINGS = ("mean", "max", "cls", "cls_mean")
"""How the tokens of a chip become one vector; `cls_mean` is both, one after the other."""
NORMS = ("before", "after")
"""Tokens before or after the network's final norm."""
AGGREGATIONS = ("concat", "mean")
"""How the vectors of several layers become one."""


@dataclass(frozen=True)
class Extraction:
    """What a product takes from its encoder, as declared.

    >>> Extraction(level="chip", last_k=4, pooling="cls_mean").to_json()
    {'level': 'chip', 'last_k': 4, 'pooling': 'cls_mean'}
    """

    level: str = "mean"
    """One of `LEVELS`."""
    layers: tuple[int, ...] = ()
    """From the first to the last, -1 for the last of all; none for the network's output."""
    last_k: int | None = None
    """So many last layers instead."""
    norm: str | None = None
    """One of `NORMS`; None for after where no layer is named, before where one is."""
    pooling: str | None = None
    """One of `POOLINGS`, with level `chip`."""
    aggregation: str = "concat"
    """One of `AGGREGATIONS`."""
    l2: bool = False
    """Whether each vector is divided by its length, at the end."""

    def __post_init__(self) -> None:
        """Check all that does not depend on the network."""
        _one_of("level", self.level, LEVELS)
        _one_of("aggregation", self.aggregation, AGGREGATIONS)
        if self.norm is not None:
            _one_of("norm", self.norm, NORMS)
        if self.pooling is not None:
            _one_of("pooling", self.pooling, POOLINGS)
        if self.level == "chip" and self.pooling is None:
            raise ProductError(f"level chip needs pooling, one of {', '.join(POOLINGS)}, got none")
        if self.level != "chip" and self.pooling is not None:
            raise ProductError(
                f"pooling {self.pooling} goes with level chip only, got level {self.level}"
            )
        if self.last_k is not None and self.layers:
            raise ProductError(
                f"layers {_text(self.layers)} and last_k {self.last_k} exclude each other"
            )
        if self.last_k is not None and self.last_k < 1:
            raise ProductError(f"last_k must be 1 or more layers, got {self.last_k}")
        if self.aggregation == "mean" and max(len(self.layers), self.last_k or 1) == 1:
            raise ProductError(
                "aggregation mean needs several layers, got one; name more in layers or last_k, "
                "or leave aggregation out"
            )

    @property
    def is_one_vector(self) -> bool:
        """Whether a chip gets one vector."""
        return self.level not in ("patch", "group")

    @property
    def is_searched(self) -> bool:
        """Whether the search compares its vectors, of chips or of patches."""
        return self.level != "group"

    @property
    def takes(self) -> str:
        """How tokens become vectors: one of `POOLINGS`, `patch` or `group`."""
        return self.pooling or self.level

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values, without what is left at its default except the level."""
        values = asdict(self) | {"layers": list(self.layers)}
        unset = {field.name: field.default for field in fields(self)} | {"layers": []}
        return {k: value for k, value in values.items() if k == "level" or value != unset[k]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Extraction:
        """What `to_json` wrote.

        Raises:
            ProductError: a key is unknown, or a value is not allowed.
        """
        try:
            return cls(**values | {"layers": tuple(values.get("layers", ()))})
        except TypeError as error:
            raise ProductError(f"not what is taken from an encoder: {error}") from error


@dataclass(frozen=True)
class Resolved:
    """An extraction for one network: nothing relative and nothing left open."""

    layers: tuple[int, ...]
    """Indices into the layout's layers, ascending."""
    after_norm: bool
    """Whether the final norm is applied to each layer's tokens."""
    takes: str
    """One of `POOLINGS`, `patch` or `group`."""
    aggregation: str
    """One of `AGGREGATIONS`."""
    l2: bool
    """Whether each vector is divided by its length."""
    shape: tuple[int, ...]
    """Of one chip: (D,), (rows, columns, D) or (G, rows, columns, D)."""


def resolve(extraction: Extraction, layout: Layout, *, name: str) -> Resolved:
    """An extraction checked against what a network offers.

    Args:
        extraction: as declared.
        layout: of the network for the chips in question.
        name: who declares it, for errors: `product clay`.

    Raises:
        ProductError: the network lacks what is asked for, or its layers do not go together.
    """
    indices = _indices(extraction, len(layout.layers), name)
    layers = [layout.layers[index] for index in indices]
    _check_tokens(extraction.takes, layout, layers, name)
    if extraction.norm is not None and not layout.has_final_norm:
        raise ProductError(
            f"{name}: norm {extraction.norm} asks for the final norm, and this network has none; "
            "leave norm out"
        )
    is_output = not extraction.layers and extraction.last_k is None
    return Resolved(
        layers=indices,
        after_norm=layout.has_final_norm
        and (is_output if extraction.norm is None else extraction.norm == "after"),
        takes=extraction.takes,
        aggregation=extraction.aggregation,
        l2=extraction.l2,
        shape=_shape(extraction, layout, layers, name),
    )


def embedding_shape(extraction: Extraction, layout: Layout) -> tuple[int, ...]:
    """Shape of one chip's embedding: (D,), (rows, columns, D) or (G, rows, columns, D).

    Raises:
        ProductError: as `resolve`.
    """
    return resolve(extraction, layout, name="extraction").shape


def _indices(extraction: Extraction, count: int, name: str) -> tuple[int, ...]:
    """Layers from 0 on, ascending."""
    if extraction.last_k is not None:
        if extraction.last_k > count:
            raise ProductError(
                f"{name}: last_k {extraction.last_k} asks for more layers than there are; allowed "
                f"are 1 to {count}"
            )
        return tuple(range(count - extraction.last_k, count))
    if not extraction.layers:
        return (count - 1,)
    for layer in extraction.layers:
        if not -count <= layer < count:
            raise ProductError(
                f"{name}: layer {layer} is out of range; allowed are 0 to {count - 1}, or "
                f"{-count} to -1 counted from the end"
            )
    indices = tuple(layer % count for layer in extraction.layers)
    ascending = tuple(sorted(set(indices)))
    if indices != ascending:
        raise ProductError(
            f"{name}: layers must be named once each, from the first to the last, got "
            f"{_text(extraction.layers)}; write {_text(ascending)}"
        )
    return indices


def _check_tokens(takes: str, layout: Layout, layers: list[Layer], name: str) -> None:
    """Whether there are the tokens that are asked for."""
    if takes in ("cls", "cls_mean") and not layout.has_cls:
        raise ProductError(
            f"{name}: {takes} needs a class token, and this network has none; use mean or max"
        )
    if takes == "group" and layout.groups == 1:
        raise ProductError(
            f"{name}: level group needs tokens of several band groups, and this network mixes all "
            "bands into each token; use level patch"
        )
    for layer in layers:
        if takes in ("patch", "max") and layer.grid == (1, 1):
            raise ProductError(
                f"{name}: {takes} needs several tokens, and layer {layer.name} gives one vector a "
                "chip; use level mean, or an earlier layer"
            )


def _shape(
    extraction: Extraction, layout: Layout, layers: list[Layer], name: str
) -> tuple[int, ...]:
    takes = extraction.takes
    widths = [2 * layer.width if takes == "cls_mean" else layer.width for layer in layers]
    if extraction.aggregation == "mean" and len(set(widths)) > 1:
        found = ", ".join(f"{layer.name} {layer.width}" for layer in layers)
        raise ProductError(
            f"{name}: aggregation mean needs layers of one width, got {found}; use concat"
        )
    width = widths[0] if extraction.aggregation == "mean" else sum(widths)
    if extraction.is_one_vector:
        return (width,)
    grids = {layer.grid for layer in layers}
    if len(grids) > 1:
        found = ", ".join(f"{layer.name} {layer.grid[0]}x{layer.grid[1]}" for layer in layers)
        raise ProductError(
            f"{name}: level {extraction.level} needs layers with the same patches, got {found}; "
            "use level mean, or one layer"
        )
    grid = grids.pop()
    return (layout.groups, *grid, width) if takes == "group" else (*grid, width)


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ProductError(f"{key} must be one of {', '.join(allowed)}, got {value!r}")


def _text(layers: tuple[int, ...]) -> str:
    return str(list(layers))
