"""Label sets of people, as a classifier takes them."""

from collections.abc import Sequence

from clay_assets.analysis.classifier import Labels
from clay_assets.errors import InvalidValueError
from clay_assets.search.label_sets import list_labels, read_labels
from clay_assets.store import Store


def labels_of_set(store: Store, name: str, product: str) -> Labels:
    """Row id -> class of one label set.

    Raises:
        NotFoundError: there is no such set.
        InvalidValueError: it is of another product.
    """
    found = read_labels(store, name)
    if found.product != product:
        raise InvalidValueError(
            f"label set {name!r} is of product {found.product!r}, not of {product!r}; choose "
            "that product, or another set"
        )
    return found.classes_by_id


def labels_by_set(store: Store, product: str, names: Sequence[str] = ()) -> dict[str, Labels]:
    """The named label sets, or all of a product; may be none.

    Raises:
        NotFoundError: there is no such set.
        InvalidValueError: a named one is of another product.
    """
    if not names:
        names = [found.name for found in list_labels(store) if found.product == product]
    return {name: labels_of_set(store, name, product) for name in names}
