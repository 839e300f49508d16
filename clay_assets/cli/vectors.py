"""Vectors as they are given on the command line: one a file."""

import json
import reprlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from clay_assets.search import Index, Query

_WANTED = "give one row of finite numbers as a .npy file, a JSON list or plain text"


def read_vector(path: Path, product: str) -> tuple[float, ...]:
    """The numbers of a `.npy` file, a JSON list, or a text with spaces, commas or line breaks.

    Raises:
        typer.BadParameter: it cannot be read, or is no vector that a query takes.
    """
    from clay_assets.search import Query

    try:
        # The query holds the rules: one row, finite, with a direction.
        query = Query(product, vector=_numbers(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--vector {path} cannot be taken: {error}; {_WANTED}") from error
    return tuple(query.vector or ())


def check_width(path: Path, query: "Query", index: "Index") -> None:
    """See that a file's vector is as long as the embeddings that it is compared with.

    Raises:
        typer.BadParameter: it is not.
    """
    count = len(query.vector or ())
    widths = {product.product: product.width for product in index.products()}
    # Of a product that the index does not hold, the search itself tells.
    if count == widths.get(query.product, count):
        return
    every = ", ".join(f"{name} {width}" for name, width in widths.items())
    raise typer.BadParameter(
        f"--vector {path} has {count} numbers, embeddings of product {query.product!r} have "
        f"{widths[query.product]}; take a vector of that product, or name another with --product "
        f"(numbers by product: {every})"
    )


def _numbers(data: bytes) -> list[float]:
    from numpy.lib import format as npy

    if data.startswith(npy.MAGIC_PREFIX):
        array = npy.read_array(BytesIO(data), allow_pickle=False)
        if array.dtype.kind not in "iuf":
            raise ValueError(f"it holds {array.dtype}, not numbers")
        listed: list[float] = array.tolist()  # no row: nested, or one number
        return listed
    text = data.decode("utf-8-sig")
    try:
        found = json.loads(text)
    except ValueError:
        found = text.replace(",", " ").split()
    values = found if isinstance(found, list) else [found]
    return [_number(value, place) for place, value in enumerate(values)]


def _number(value: Any, place: int) -> float:  # noqa: ANN401
    try:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{reprlib.repr(value)} at position {place} is no number") from error
