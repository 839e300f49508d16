"""What a tile's embedding file is to be: its rows, the shape of its embeddings, its name."""

from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path

from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import ChipRow, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings.listing import file_key
from clay_assets.embeddings.pooling import embedding_shape
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.writing import EmbeddedChip
from clay_assets.errors import ChipError
from clay_assets.models import ClayV0Config
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "1"
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
    config: ClayV0Config
    """Of the checkpoint."""
    chips_data_version: str
    """Data version of the manifest."""
    rows: tuple[EmbeddedChip, ...]
    """In the manifest's order."""

    @property
    def chips(self) -> list[ChipRow]:
        """The chips of the rows."""
        return [row.chip for row in self.rows]

    @property
    def recipe(self) -> str:
        """Fingerprint of all that decides a chip's embedding besides the chip."""
        return fingerprint(CODE_VERSION, self.checkpoint_id, self.product.level, self.precision)

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
            ChipError: the checkpoint's patches do not fill a chip, or the chips would have
                embeddings of several shapes.
            InvalidValueError: a chip has none of the checkpoint's band groups whole.
        """
        kinds = {(chip.bands, chip.chip_size) for chip in self.chips}
        level = self.product.level
        shapes = {embedding_shape(level, self.config, bands, size) for bands, size in kinds}
        if len(shapes) > 1:
            found = ", ".join(sorted(f"{size} px with {len(bands)} bands" for bands, size in kinds))
            raise ChipError(
                f"tile {self.tile} has chips of {found}; level {level} needs them alike: use "
                "level mean, or imagery with the same bands for all dates"
            )
        return shapes.pop()


def plan_work(store: Store, product: Product, tile: str, *, precision: str) -> Work:
    """What there is to embed now.

    Raises:
        NotFoundError: the tile has no manifest yet, or there is no such checkpoint.
    """
    manifest = read_manifest(store, tile)
    checkpoint = find_checkpoint(store, product.checkpoint)
    rows = tuple(
        EmbeddedChip(chip, _source_url(store, chip.path), footprint)
        for chip, footprint in zip(manifest_rows(manifest), manifest.rows.geometry, strict=True)
    )
    return Work(
        product=product,
        tile=tile,
        checkpoint_id=checkpoint.id,
        precision=precision,
        config=ClayV0Config.from_json(checkpoint.card["config"]),
        chips_data_version=manifest.meta["data_version"],
        rows=rows,
    )


def _source_url(store: Store, path: str) -> str:
    """Where a chip is, found without the store and from any folder."""
    url = path if "://" in path or path.startswith("/") else store.url(path)
    return url if "://" in url else str(Path(url).absolute())
