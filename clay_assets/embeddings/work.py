"""What a tile's embedding file is to be: its rows, the shape of its embeddings, its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any

from clay_assets import __version__
from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import ChipRow, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings.file import Drift, FileMetadata
from clay_assets.embeddings.listing import file_key
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.projection import find_projection
from clay_assets.embeddings.suiting import check_model, config_of, kind_of, shape_of
from clay_assets.embeddings.writing import EmbeddedChip
from clay_assets.errors import ChipError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "2"
"""Raised when the same chip and checkpoint would give other numbers."""


@dataclass(frozen=True)
class Work:
    """One tile to embed."""

    product: Product
    """How."""
    tile: str
    """MGRS tile id."""
    checkpoint_id: str
    """Content id of the weights that the product's checkpoint names now."""
    precision: str
    """One of `settings.PRECISIONS`."""
    config: Any
    """Of the checkpoint, of any family."""
    chips_data_version: str
    """Data version of the manifest."""
    rows: tuple[EmbeddedChip, ...]
    """In the manifest's order."""
    projection_id: str | None = None
    """Content id of the projection that the product uses now, if it has one."""

    @property
    def chips(self) -> list[ChipRow]:
        """The chips of the rows."""
        return [row.chip for row in self.rows]

    @property
    def recipe(self) -> str:
        """Fingerprint of all that decides a chip's embedding besides the chip."""
        return fingerprint(
            CODE_VERSION,
            self.checkpoint_id,
            self.product.extraction.to_json(),
            self.product.platform,
            self.product.dtype,
            self.projection_id,
            self.precision,
        )

    @property
    def inputs(self) -> str:
        """Fingerprint of all that decides the file."""
        return fingerprint(self.recipe, [row.identity for row in self.rows])

    @property
    def key(self) -> str:
        """Where the file goes; there is none without chips."""
        dates = [Date.fromisoformat(chip.date) for chip in self.chips]
        return file_key(self.product.name, self.tile, min(dates), max(dates))

    def shape(self) -> tuple[int, ...]:
        """Shape of an embedding, the same for all chips.

        Raises:
            ChipError: the checkpoint's network cannot take chips of this size, or the chips would
                have embeddings of several shapes.
            InvalidValueError: it cannot take a chip's bands, or the product's platform.
            ProductError: it cannot give what the product takes.
        """
        kinds = sorted({kind_of(chip) for chip in self.chips}, key=repr)
        shapes = {shape_of(self.product, self.config, kind) for kind in kinds}
        if len(shapes) > 1:
            found = ", ".join(f"{kind.size_px} px with {len(kind.bands)} bands" for kind in kinds)
            raise ChipError(
                f"tile {self.tile} has chips of {found}; level {self.product.level} needs them "
                "alike: use level mean, or imagery with the same bands for all dates"
            )
        return shapes.pop()

    def metadata(
        self, replaces: Sequence[str], *, run_id: str, drift: Drift | None = None
    ) -> FileMetadata:
        """What its file says of itself, but for the data version that `write_file` adds.

        Args:
            replaces: keys of files of the tile, under other dates, that it takes the place of.
            run_id: run that writes it.
            drift: of `drift_of`, to be called with these metadata first.
        """
        return FileMetadata(
            product=self.product.name,
            checkpoint_id=self.checkpoint_id,
            level=self.product.level,
            precision=self.precision,
            shape=self.shape(),
            recipe=self.recipe,
            chips_data_version=self.chips_data_version,
            inputs=self.inputs,
            data_version="",
            replaces=tuple(replaces),
            run_id=run_id,
            package_version=__version__,
            extraction=self.product.extraction,
            platform=self.product.platform,
            dtype=self.product.dtype,
            projection_id=self.projection_id,
            drift=drift,
        )


def plan_work(store: Store, product: Product, tile: str, *, precision: str) -> Work:
    """What there is to embed now, checked as far as it can be without a device.

    Raises:
        NotFoundError: the tile has no manifest yet, or there is no such checkpoint, or nothing was
            fitted for a product that projects.
        ChipError: the chips do not suit the checkpoint's network.
        InvalidValueError: their bands, or the product's platform, do not suit it.
        ProductError: the network cannot give what the product takes, or is not the product's
            model, or the projection was fitted for another.
    """
    manifest = read_manifest(store, tile)
    checkpoint = find_checkpoint(store, product.checkpoint)
    check_model(product, checkpoint)
    rows = tuple(
        EmbeddedChip(chip, _source_url(store, chip.path), footprint)
        for chip, footprint in zip(manifest_rows(manifest), manifest.rows.geometry, strict=True)
    )
    needs_projection = product.has_projection and rows
    work = Work(
        product=product,
        tile=tile,
        checkpoint_id=checkpoint.id,
        precision=precision,
        config=config_of(checkpoint.card),
        chips_data_version=manifest.meta["data_version"],
        rows=rows,
        projection_id=find_projection(store, product, checkpoint.id).id
        if needs_projection
        else None,
    )
    if rows:
        work.shape()
    return work


def _source_url(store: Store, path: str) -> str:
    """Where a chip is, found without the store and from any folder."""
    url = path if "://" in path or path.startswith("/") else store.url(path)
    return url if "://" in url else str(Path(url).absolute())
