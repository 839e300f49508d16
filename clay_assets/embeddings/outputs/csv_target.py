"""Where a product's CSV goes, and whose it is, so that no product writes over another's."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from clay_assets.errors import NotFoundError, ProductError
from clay_assets.store import Store

if TYPE_CHECKING:
    from clay_assets.embeddings.products import Product

OWNER_SUFFIX = ".owner.json"
"""Of the small file beside a CSV that says which product and tile it belongs to."""


def csv_key(product: "Product", part: str) -> str | None:
    """Where the CSV of a tile or image set goes by the product's own template; None without one.

    Args:
        product: it may have `csv`.
        part: MGRS tile id or name of an image set.
    """
    if product.csv is None:
        return None
    return product.csv.format(product=product.name, tile=part, image_set=part)


def check_targets_of(products: Iterable["Product"]) -> None:
    """Refuse products that would write outside of the store, or two of them to one CSV.

    Raises:
        ProductError: a template leads out of the store, or two come to the same key.
    """
    seen: dict[str, str] = {}
    for product in products:
        # With the partition's name left open: it is the same for both.
        key = csv_key(product, "{}")
        if key is None:
            continue
        if key.startswith("/") or ".." in key.split("/") or not key.endswith(".csv"):
            raise ProductError(
                f"product {product.name}: csv must be a key within the store that ends in .csv, "
                f"got {product.csv!r}"
            )
        if key in seen:
            raise ProductError(
                f"products {seen[key]} and {product.name} both write the CSV {product.csv!r}; "
                "put {product} into csv, or give them different ones"
            )
        seen[key] = product.name


def check_owner(store: Store, key: str, product: str, part: str) -> None:
    """Refuse a CSV that is there already and belongs to something else.

    Raises:
        ProductError: another product or tile wrote it, or nobody knows who did.
    """
    if not store.exists(key):
        return
    owner = _owner(store, key)
    if owner == {"product": product, "part": part}:
        return
    found = (
        "it was not written by this package"
        if owner is None
        else f"it belongs to {owner['part']} of product {owner['product']}"
    )
    raise ProductError(
        f"product {product} would write the CSV of {part} to {store.url(key)}, which exists: "
        f"{found}; move that file away, or give the product another csv"
    )


def claim(store: Store, key: str, product: str, part: str) -> None:
    """Note whose CSV it is going to be; before it is written, so that a killed run is known again.

    Raises:
        ProductError: the file is there and belongs to something else.
    """
    check_owner(store, key, product, part)
    owner = {"product": product, "part": part}
    if _owner(store, key) != owner:
        store.write_bytes(key + OWNER_SUFFIX, json.dumps(owner).encode())


def release(store: Store, key: str, product: str, part: str) -> None:
    """Delete a CSV and its note, if they are of this product and tile or image set."""
    if _owner(store, key) == {"product": product, "part": part}:
        store.delete([key, key + OWNER_SUFFIX])


def _owner(store: Store, key: str) -> dict[str, Any] | None:
    try:
        owner = json.loads(store.read_bytes(key + OWNER_SUFFIX))
    except (NotFoundError, ValueError):
        return None
    return owner if isinstance(owner, dict) and {"product", "part"} <= set(owner) else None
