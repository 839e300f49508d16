"""Image sets with vectors but without pictures."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.dtypes import tensors
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import METADATA_KEY
from clay_assets.images.file import ImageFileMetadata, image_schema, set_key
from clay_assets.images.sets import ImageSet, write_set
from clay_assets.store import Store
from clay_assets_tests.evaluation.test_metrics import clusters


def put_set(store: Store, labels: str | None = "genus_species", *, name: str = "birds") -> None:
    write_set(store, ImageSet(name, "/pictures/birds", labels))


def put_vectors(
    store: Store,
    product: str,
    filenames: Sequence[str],
    vectors: np.ndarray,
    *,
    image_set: str = "birds",
    version: str = "v1",
) -> None:
    count, width = vectors.shape
    schema = image_schema((width,))
    columns = {
        "filename": list(filenames),
        "embeddings": tensors(vectors, (width,)),
        "image_hash": list(filenames),
        "width_px": [1] * count,
        "height_px": [1] * count,
    }
    missing = [field for field in schema if field.name not in columns]
    columns |= {field.name: pa.nulls(count, field.type) for field in missing}
    metadata = ImageFileMetadata(
        product=product,
        image_set=image_set,
        location="/pictures/birds",
        checkpoint_id="ab12",
        extraction=Extraction(),
        precision="fp32",
        dtype="float32",
        shape=(width,),
        size_px=224,
        projection_id=None,
        recipe="recipe",
        inputs="inputs",
        data_version=version,
        failed=0,
        outputs={},
        run_id="run",
        package_version="0.1.0",
    )
    table = pa.table({name: columns[name] for name in schema.names}, schema=schema)
    with store.writing(set_key(product, image_set)) as path:
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: metadata.to_json()}), path)


def birds(count: int = 40, **clusters_of) -> tuple[list[str], np.ndarray]:
    """File names of three species, and vectors that tell them apart."""
    vectors, labels = clusters(count, **clusters_of)
    return [f"Parus_s{label}_{row:03d}.jpg" for row, label in enumerate(labels)], vectors
