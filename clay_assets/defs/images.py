"""Image sets: folders of pictures, and one asset of vectors a product that takes pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.image_projections import image_projection_asset
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import columns, picture
from clay_assets.defs.partitions import add_image_set, image_sets
from clay_assets.defs.projections import projection_key
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.embeddings import Product
from clay_assets.images.embed import ImagesReport, embed_images
from clay_assets.images.file import image_schema
from clay_assets.images.listing import list_images
from clay_assets.images.neighbours import SheetSettings
from clay_assets.images.sets import ImageSet, write_set
from clay_assets.images.sheet import write_sheet
from clay_assets.images.work import CODE_VERSION
from clay_assets.store import Store

_FAILURES_SHOWN = 100

images = dg.AssetSpec(
    "images",
    description="The pictures of one image set, a folder or prefix, wherever it lies.",
    partitions_def=image_sets,
    group_name="images",
    kinds={"png", "jpeg"},
    owners=OWNERS,
)


class ImagesConfig(dg.Config):
    """How pictures go through the encoder, and what the sheet of neighbours shows."""

    batch_size: int = 32
    """Pictures a batch; no effect on the vectors."""
    queries: int = 6
    """Rows of the sheet, drawn by seed."""
    k: int = 3
    """Neighbours a row."""
    seed: int = 0
    """Seed of the choice."""
    metric: str = "cosine"
    """cosine or euclidean."""
    include_self: bool = False
    """Whether a picture counts as its own nearest, at distance 0."""
    query_images: list[str] = []  # noqa: RUF012
    """File names to ask about, instead of drawn ones."""

    def sheet(self) -> SheetSettings:
        """What the sheet shows.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return SheetSettings(
            queries=self.queries,
            k=self.k,
            metric=self.metric,
            seed=self.seed,
            include_self=self.include_self,
            names=tuple(self.query_images),
        )


def image_assets(products: Sequence[Product]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The image sets, and an asset for each of the products that take pictures."""
    of_images = [product for product in products if product.input == "images"]
    return [
        images,
        *(image_projection_asset(product) for product in of_images if product.has_projection),
        *(_image_embeddings(product) for product in of_images),
    ]


def image_jobs(products: Sequence[Product]) -> list[UnresolvedAssetJobDefinition]:
    """The jobs over one image set, if any product takes pictures."""
    names = [one.name for one in products if one.input == "images"]
    if not names:
        return []
    embeddings = dg.AssetSelection.assets(*(["image_embeddings", name] for name in names))
    return [
        dg.define_asset_job(
            "embed_images",
            embeddings,
            description="Embed the pictures of one image set. Needs the products' checkpoints.",
        ),
        dg.define_asset_job(
            "evaluate_images",
            embeddings.downstream() - embeddings,
            description="Compare the products by the labels of one image set.",
        ),
    ]


def register_images(instance: dg.DagsterInstance, store: Store, image_set: ImageSet) -> int:
    """Add an image set as a partition and report its pictures.

    Returns:
        How many there are.

    Raises:
        NotFoundError: there is no such folder.
        StoreError: it cannot be listed.
    """
    listing = list_images(image_set.location)
    write_set(store, image_set)
    add_image_set(instance, image_set.name)
    metadata = {"location": image_set.location, "items": len(listing.images)}
    for event in image_events(image_set.name, listing.version, metadata):
        instance.report_runless_asset_event(event)
    return len(listing.images)


def image_events(
    name: str, version: str, metadata: Mapping[str, Any]
) -> list[dg.AssetObservation | dg.AssetMaterialization]:
    """What tells Dagster that the pictures of a set are new.

    Both and in this order, as for imagery; a set without pictures is only observed, for there is
    nothing to be made of it.
    """
    facts: dict[str, Any] = {
        "partition": name,
        "metadata": dict(metadata),
        "tags": {"dagster/data_version": version},
    }
    observed = dg.AssetObservation("images", **facts)
    return (
        [observed, dg.AssetMaterialization("images", **facts)] if metadata["items"] else [observed]
    )


def _image_embeddings(product: Product) -> dg.AssetsDefinition:
    @dg.asset(
        key=["image_embeddings", product.name],
        partitions_def=image_sets,
        deps=[
            "images",
            dg.AssetDep(
                checkpoints,
                partition_mapping=dg.SpecificPartitionsPartitionMapping([product.checkpoint]),
            ),
            *([projection_key(product)] if product.has_projection else []),
        ],
        description=f"Embeddings of each picture of one image set by checkpoint "
        f"{product.checkpoint!r}, as Parquet and CSV, with a sheet of nearest pictures.",
        group_name="images",
        kinds={"pytorch", "parquet", "csv"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        automation_condition=FOLLOW,
        pool="gpu",
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def image_embeddings(
        context: dg.AssetExecutionContext,
        config: ImagesConfig,
        store: StoreResource,
        device: DeviceResource,
    ) -> dg.MaterializeResult[None]:
        files = store.open()

        def embed(name: str) -> Outcome:
            sheet = config.sheet()
            report = embed_images(
                files,
                product,
                name,
                device=device.name,
                precision=device.precision,
                batch_size=config.batch_size,
                run_id=context.run.run_id,
            )
            metadata = _metadata(files, report)
            if product.is_one_vector:
                drawn = write_sheet(files, product.name, name, sheet)
                metadata["neighbours"] = picture(drawn.png)
                metadata["neighbours_uri"] = files.url(drawn.key)
            return Outcome(report.data_version, metadata)

        return materialize_tiles(context, embed, kind="image sets")

    return image_embeddings


def _metadata(files: Store, report: ImagesReport) -> dict[str, Any]:
    shown = dict(list(report.failures.items())[:_FAILURES_SHOWN])
    metadata: dict[str, Any] = {
        "images": report.images,
        "embedded": report.embedded,
        "failed": len(report.failures),
        "dims": report.shape[-1],
        "shape": " x ".join(str(side) for side in report.shape),
        "checkpoint": report.checkpoint_id,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "read_as": dg.MetadataValue.json(report.read_as),
        "dagster/row_count": report.rows,
        "dagster/uri": files.url(report.key),
        "dagster/column_schema": columns(image_schema(report.shape, report.dtype)),
    }
    metadata |= {name: files.url(key) for name, key in report.outputs.items()}
    if shown:
        metadata["failures"] = dg.MetadataValue.json(shown)
        metadata["failures_uri"] = files.url(report.outputs["failures"])
    else:
        metadata.pop("failures", None)
    return metadata
