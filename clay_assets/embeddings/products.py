"""Products: named ways to embed chips, declared in one TOML file."""

import re
import tomllib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from clay_assets.errors import ProductError

LEVELS = ("mean", "patch", "group")
"""One vector a chip; one a patch, its band groups averaged; one a patch and band group."""
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


@dataclass(frozen=True)
class Product:
    """One way to embed a chip.

    >>> Product("clay")
    Product(name='clay', checkpoint='default', level='mean')
    """

    name: str
    """Name of its asset and of its folder in the store."""
    checkpoint: str = "default"
    """Name or id of a checkpoint of the store."""
    level: str = "mean"
    """One of `LEVELS`."""

    def __post_init__(self) -> None:
        """Check what a file or a folder could not be named, and the level."""
        if not _NAME.match(self.name):
            raise ProductError(
                f"a product's name must be lower-case letters, digits and underscores, a letter "
                f"first, got {self.name!r}"
            )
        if not self.checkpoint:
            raise ProductError(
                f"product {self.name}: checkpoint must be the name or id of a checkpoint, got ''"
            )
        if self.level not in LEVELS:
            raise ProductError(
                f"product {self.name}: level must be one of {', '.join(LEVELS)}, got {self.level!r}"
            )


def load_products(path: Path | None = None) -> dict[str, Product]:
    """The products of a TOML file by name, in its order; of the packaged file by default.

    Raises:
        ProductError: there is no such file, it is not TOML, or it declares something unknown.
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
    return {name: _product(name, values) for name, values in products.items()}


def _product(name: str, values: Any) -> Product:  # noqa: ANN401
    known = [field.name for field in fields(Product) if field.name != "name"]
    if not isinstance(values, dict):
        raise ProductError(f"product {name} must be a table [products.{name}], got {values!r}")
    for key, value in values.items():
        if key not in known:
            raise ProductError(f"product {name} has {key!r}; allowed are {', '.join(known)}")
        if not isinstance(value, str):
            raise ProductError(f"product {name}: {key} must be a text in quotes, got {value!r}")
    return Product(name, **values)
