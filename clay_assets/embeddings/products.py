"""Products: named ways to embed chips or pictures, declared in one TOML file."""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Any

from clay_assets.embeddings.extraction import LEVELS, Extraction
from clay_assets.embeddings.outputs.csv_target import check_targets_of
from clay_assets.errors import ProductError

__all__ = ["DTYPES", "INPUTS", "LEVELS", "OUTPUTS", "Product", "load_products"]

INPUTS = ("chips", "images")
"""Chips of MGRS tiles, or the pictures of image sets."""
DTYPES = ("float32", "float16", "int8")
"""Kinds of numbers that are stored; int8 with one scale a row."""
OUTPUTS = ("csv", "numpy", "patches")
"""Files besides the GeoParquet and its STAC item; `patches` has a row a patch."""
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_TEXT, _NUMBER, _SWITCH = "a text in quotes", "a whole number", "true or false"
_NUMBERS, _TEXTS = "a list of whole numbers", "a list of texts in quotes"
_KINDS = {
    "checkpoint": _TEXT,
    "level": _TEXT,
    "input": _TEXT,
    "model": _TEXT,
    "dimensions": _NUMBER,
    "layer": _NUMBER,
    "layers": _NUMBERS,
    "last_k": _NUMBER,
    "norm": _TEXT,
    "pooling": _TEXT,
    "aggregation": _TEXT,
    "l2": _SWITCH,
    "standardise": _SWITCH,
    "pca": _NUMBER,
    "whiten": _SWITCH,
    "dtype": _TEXT,
    "platform": _TEXT,
    "outputs": _TEXTS,
    "csv": _TEXT,
}
"""Every key of a product's table, in the order of the fields."""


@dataclass(frozen=True)
class Product:
    """One way to embed a chip or a picture.

    >>> product = Product("vit", level="chip", pooling="cls_mean", last_k=4, l2=True)
    >>> product.extraction.to_json()
    {'level': 'chip', 'last_k': 4, 'pooling': 'cls_mean', 'l2': True}
    """

    name: str
    """Name of its asset and of its folder in the store."""
    checkpoint: str = "default"
    """Name or id of a checkpoint of the store."""
    level: str = "mean"
    """One of `LEVELS`."""
    input: str = "chips"
    """One of `INPUTS`."""
    model: str | None = None
    """Name of the model's card: then all is checked before there is a checkpoint."""
    dimensions: int | None = None
    """Numbers in a vector, as the person expects it; checked, never used."""
    layer: int | None = None
    """One layer, -1 for the last."""
    layers: tuple[int, ...] = ()
    """Several layers."""
    last_k: int | None = None
    """So many last layers."""
    norm: str | None = None
    """`before` or `after` the network's final norm."""
    pooling: str | None = None
    """With level `chip`: mean, max, cls or cls_mean."""
    aggregation: str = "concat"
    """Of several layers: concat or mean."""
    l2: bool = False
    """Whether each vector is divided by its length."""
    standardise: bool = False
    """Whether each dimension gets mean 0 and deviation 1, as fitted on a sample."""
    pca: int | None = None
    """Principal components that are kept, as fitted on a sample."""
    whiten: bool = False
    """Whether the components get deviation 1."""
    dtype: str = "float32"
    """One of `DTYPES`."""
    platform: str | None = None
    """Sensor of a Clay v1 network; else it follows from the bands."""
    outputs: tuple[str, ...] = ()
    """Some of `OUTPUTS`."""
    csv: str | None = None
    """Key of the CSV in the store, with {product} and {tile} or {image_set}."""

    def __post_init__(self) -> None:
        """Check what a file or a folder could not be named, and what excludes each other."""
        if not _NAME.match(self.name):
            raise ProductError(
                f"a product's name must be lower-case letters, digits and underscores, a letter "
                f"first, got {self.name!r}"
            )
        if not self.checkpoint:
            self._refuse("checkpoint must be the name or id of a checkpoint, got ''")
        self._one_of("input", INPUTS)
        self._one_of("dtype", DTYPES)
        try:
            extraction = self.extraction
        except ProductError as error:
            raise ProductError(f"product {self.name}: {error}") from error
        self._check_projection()
        self._check_outputs(extraction)
        if self.platform is not None and self.input == "images":
            self._refuse(f"platform {self.platform} goes with input chips only; leave it out")

    @property
    def extraction(self) -> Extraction:
        """What is taken from the encoder.

        Raises:
            ProductError: the declaration contradicts itself.
        """
        if self.layer is not None and (self.layers or self.last_k is not None):
            other = f"layers {list(self.layers)}" if self.layers else f"last_k {self.last_k}"
            raise ProductError(f"layer {self.layer} and {other} exclude each other")
        return Extraction(
            level=self.level,
            layers=self.layers if self.layer is None else (self.layer,),
            last_k=self.last_k,
            norm=self.norm,
            pooling=self.pooling,
            aggregation=self.aggregation,
            l2=self.l2,
        )

    @property
    def is_one_vector(self) -> bool:
        """Whether a chip gets one vector."""
        return self.extraction.is_one_vector

    @property
    def is_searched(self) -> bool:
        """Whether an index holds its vectors: one a chip, or one a patch; not those of pictures."""
        return self.input == "chips" and self.extraction.is_searched

    @property
    def has_projection(self) -> bool:
        """Whether something is fitted on a sample before chips can be embedded."""
        return self.standardise or self.pca is not None

    def check_dimensions(self, shape: tuple[int, ...]) -> None:
        """Compare the shape that an encoder gives with what the product expects.

        Raises:
            ProductError: a vector has not `dimensions` numbers, or fewer than `pca`.
        """
        width = shape[-1]
        if self.pca is not None and self.pca > width:
            self._refuse(
                f"pca {self.pca} asks for more components than the {width} numbers of a vector"
            )
        if self.dimensions is not None and self.dimensions != (self.pca or width):
            self._refuse(
                f"dimensions must be {self.pca or width}, which is what it gives, "
                f"got {self.dimensions}"
            )

    def _check_projection(self) -> None:
        if self.dimensions is not None and self.dimensions < 1:
            self._refuse(f"dimensions must be 1 or more, got {self.dimensions}")
        if self.pca is not None and self.pca < 1:
            self._refuse(f"pca must be 1 or more components, got {self.pca}")
        if self.whiten and self.pca is None:
            self._refuse(
                "whiten scales the components of a PCA, and there is none; add pca, or use "
                "standardise"
            )
        if self.pca is not None and self.dimensions not in (None, self.pca):
            self._refuse(f"dimensions {self.dimensions} must be that of pca, {self.pca}")
        if self.has_projection and not self.is_one_vector:
            key = "standardise" if self.pca is None else "pca"
            self._refuse(
                f"{key} is fitted on one vector a chip, and level {self.level} gives many; use "
                "level mean, cls or chip"
            )

    def _check_outputs(self, extraction: Extraction) -> None:
        for output in self.outputs:
            if output not in OUTPUTS:
                self._refuse(f"outputs must be some of {', '.join(OUTPUTS)}, got {output!r}")
            if self.outputs.count(output) > 1:
                self._refuse(f"outputs names {output} twice")
        if "patches" in self.outputs and extraction.is_one_vector:
            self._refuse(
                f"output patches has a row a patch, and level {self.level} gives one vector a "
                "chip; use level patch or group"
            )
        if "patches" in self.outputs and self.input == "images":
            self._refuse("output patches needs places on the ground; pictures have none")
        if "csv" in self.outputs and not extraction.is_one_vector:
            self._refuse(
                f"output csv has a vector a row, and level {self.level} gives many a chip; use "
                "numpy or patches"
            )
        if self.csv is None:
            return
        if "csv" not in self.outputs:
            self._refuse(f'csv {self.csv!r} needs outputs = ["csv"]')
        key = "tile" if self.input == "chips" else "image_set"
        if (found := _placeholders(self.csv)) is None or not {key} <= found <= {key, "product"}:
            self._refuse(
                f"csv must be a key of the store with {{{key}}}, and {{product}} if wanted, "
                f"got {self.csv!r}"
            )

    def _one_of(self, key: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, key) not in allowed:
            self._refuse(f"{key} must be one of {', '.join(allowed)}, got {getattr(self, key)!r}")

    def _refuse(self, text: str) -> None:
        raise ProductError(f"product {self.name}: {text}")


def load_products(path: Path | None = None) -> dict[str, Product]:
    """The products of a TOML file by name, in its order; of the packaged file by default.

    Raises:
        ProductError: there is no such file, it is not TOML, or it declares something unknown or
            impossible.
    """
    source = resources.files("clay_assets") / "products.toml" if path is None else path
    try:
        declared = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProductError(
            f"products file {path} cannot be read ({error.strerror}); set CLAY_PRODUCTS to a "
            "TOML file, or to nothing for the packaged one"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProductError(f"products file {path} is not TOML: {error}") from error
    products = declared.pop("products", None)
    if declared:
        raise ProductError(
            f"products file {path} has {', '.join(declared)}; only tables [products.NAME] are known"
        )
    if not isinstance(products, dict) or not products:
        raise ProductError(f"products file {path} declares no product; add a table [products.NAME]")
    declared_products = {name: _product(name, values) for name, values in products.items()}
    check_targets_of(declared_products.values())
    for product in declared_products.values():
        if product.model is not None:
            # Only here, as the networks take a second to import.
            from clay_assets.embeddings.suiting import check_declared

            check_declared(product)
    return declared_products


def _product(name: str, values: Any) -> Product:  # noqa: ANN401
    if not isinstance(values, dict):
        raise ProductError(f"product {name} must be a table [products.{name}], got {values!r}")
    for key, value in values.items():
        if key not in _KINDS:
            raise ProductError(f"product {name} has {key!r}; allowed are {', '.join(_KINDS)}")
        if not _is(value, _KINDS[key]):
            raise ProductError(f"product {name}: {key} must be {_KINDS[key]}, got {value!r}")
        if value == []:
            raise ProductError(f"product {name}: {key} is an empty list; leave it out")
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Product(name, **values | lists)


def _is(value: Any, kind: str) -> bool:  # noqa: ANN401
    if kind in (_NUMBERS, _TEXTS):
        each = _NUMBER if kind == _NUMBERS else _TEXT
        return isinstance(value, list) and all(_is(item, each) for item in value)
    return type(value) is {_TEXT: str, _NUMBER: int, _SWITCH: bool}[kind]  # True is an int too


def _placeholders(template: str) -> set[str] | None:
    """Names in braces; None where the braces are wrong or hold more than a name."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        return None
    if any(spec or conversion for _, _, spec, conversion in parts):
        return None
    return {name for _, name, _, _ in parts if name is not None}
