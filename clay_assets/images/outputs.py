"""The files of an image set: CSV, numpy and failures first, the table last."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from clay_assets.embeddings.dtypes import decoded, vectors_of
from clay_assets.embeddings.file import rows_at_once
from clay_assets.embeddings.outputs import csv_target
from clay_assets.embeddings.outputs.csv_file import write_csv
from clay_assets.embeddings.outputs.numpy_file import write_numpy
from clay_assets.images.file import ImageFileMetadata, image_schema
from clay_assets.images.rows import ImageRow, image_table, stored_numbers
from clay_assets.images.work import ImageWork
from clay_assets.images.writing import Failure, Gather, write_failures, write_image_file
from clay_assets.store import Store


def write_set_files(
    store: Store,
    work: ImageWork,
    rows: Sequence[ImageRow],
    gather: Gather,
    failures: Sequence[Failure],
    *,
    run_id: str,
) -> ImageFileMetadata:
    """Write all files of a set; a run killed in between leaves the old table, and so is redone.

    Args:
        store: where to write.
        work: the image set, and how.
        rows: in the order of the file, at least one.
        gather: asked for the vectors of one row group after the other.
        failures: pictures that are not in it, sorted.
        run_id: run that writes.

    Returns:
        What the table says of itself.

    Raises:
        ProductError: a number is too large for float16, or the CSV belongs to something else.
        StoreError: a file could not be written.
    """
    outputs, width = work.outputs, int(np.prod(work.shape))

    def parts() -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
        schema, step = image_schema(work.shape, work.product.dtype), rows_at_once(width)
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            stored = stored_numbers(part, gather(part), work.product.dtype)
            table = decoded(image_table(part, stored, schema))
            yield [row.filename for row in part], vectors_of(table["embeddings"])

    if "csv" in outputs:
        if work.product.csv is not None:
            csv_target.claim(store, outputs["csv"], work.product.name, work.image_set.name)
        write_csv(store, outputs["csv"], width, parts())
    if "numpy" in outputs:
        shape = (len(rows), *work.shape)
        write_numpy(store, outputs["numpy"], outputs["ids"], shape, parts())
    write_failures(store, outputs["failures"], failures)
    is_final = all(failure.is_final for failure in failures)
    metadata = work.metadata(failed=len(failures), is_final=is_final, run_id=run_id)
    return write_image_file(store, work.key, rows, gather, failures, metadata)


def remove_old_outputs(store: Store, work: ImageWork, before: ImageFileMetadata | None) -> None:
    """Delete files that the product does not declare any more, or now writes elsewhere."""
    if before is None:
        return
    for name, key in before.outputs.items():
        if key not in work.outputs.values():
            csv_target.release(store, key, work.product.name, work.image_set.name)
            if name != "csv" or key.startswith(work.key.removesuffix(".parquet")):
                store.delete([key])
