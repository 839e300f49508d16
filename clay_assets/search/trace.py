"""The way back of a hit: from chip or patch to embedding, checkpoint, pixels, scenes and runs.

Every file says how it was made; the trace reads that, and needs no index and no database.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from clay_assets.chips import read_manifest
from clay_assets.chips.manifest import ChipRow, Manifest, manifest_rows
from clay_assets.embeddings.file import FileMetadata, read_metadata, read_rows
from clay_assets.embeddings.listing import EmbeddingFile, list_files
from clay_assets.errors import NotFoundError
from clay_assets.ingest import Recipe, read_recipe
from clay_assets.store import Store

_PATCH = re.compile(r"^(?P<chip_id>[^/]+)/(?P<row>\d+)/(?P<col>\d+)$")


@dataclass(frozen=True)
class Trace:
    """Where one embedding comes from. What is not in the store any more is None."""

    product: str
    """Embedding product."""
    chip_id: str
    """The chip."""
    patch: tuple[int, int] | None
    """Row from the north and column from the west of the patch, from 0; None for a whole chip."""
    tile: str
    """MGRS tile."""
    key: str
    """Embedding file in the store."""
    embeddings: FileMetadata
    """How that file was made."""
    checkpoint: dict[str, Any] | None
    """Card of its checkpoint, with `names` and the `run_id` that stored it."""
    chip: ChipRow | None
    """The chip in its tile's manifest."""
    chips_run_id: str | None
    """Run that cut it."""
    is_same_chip: bool
    """Whether that chip is still what was embedded."""
    recipe: Recipe | None
    """How the tile's pixels were chosen."""

    def lines(self) -> list[tuple[str, str]]:
        """Each step as (name, value), from the product back to the scenes."""
        made, patch = self.embeddings, self.patch_text()
        return [
            ("product", self.product),
            ("chip", self.chip_id),
            *([("patch", patch)] if patch else []),
            ("tile", self.tile),
            ("embedding", f"{self.key} ({made.how})"),
            ("embedded by run", made.run_id),
            *self._checkpoint_lines(),
            *self._chip_lines(),
            *self._scene_lines(),
        ]

    def patch_text(self) -> str | None:
        """Which patch of the chip it is, for a person; None for a whole chip."""
        if self.patch is None:
            return None
        (row, col), (rows, columns) = self.patch, self.embeddings.shape[:2]
        told = f"row {row}, column {col} of {rows} x {columns}"
        if self.chip is None:
            return told
        side_px = self.chip.chip_size // rows
        return f"{told}, {side_px} px or {side_px * self.chip.gsd_m:g} m wide"

    def _checkpoint_lines(self) -> Iterator[tuple[str, str]]:
        card = self.checkpoint
        if card is None:
            yield "checkpoint", f"{self.embeddings.checkpoint_id} (not in the store any more)"
            return
        names = f" ({', '.join(card['names'])})" if card["names"] else ""
        yield "checkpoint", f"{card['id']}{names}"
        yield "checkpoint from", str(card["card"].get("source", "not said"))
        if card["run_id"]:
            yield "checkpoint by run", card["run_id"]

    def _chip_lines(self) -> Iterator[tuple[str, str]]:
        if self.chip is None:
            yield "pixels", "not in the store any more; materialise `chips` of the tile"
            return
        west, south, east, north = self.chip.bounds
        yield "pixels", self.chip.path
        if not self.is_same_chip:
            yield "changed", "the chip was cut anew since it was embedded; embed the tile again"
        yield "date", self.chip.date
        yield "bands", " ".join(self.chip.bands)
        yield (
            "place",
            f"EPSG:{self.chip.epsg} {west:g} {south:g} {east:g} {north:g}, {self.chip.gsd_m:g} m",
        )
        if self.chips_run_id:
            yield "cut by run", self.chips_run_id

    def _scene_lines(self) -> Iterator[tuple[str, str]]:
        choices = self.recipe.choices if self.recipe else ()
        reasons = {choice.scene: choice.reason for choice in choices if choice.chosen}
        for scene in self.chip.scenes if self.chip else ():
            reason = reasons.get(scene)
            yield "scene", f"{scene} ({reason})" if reason else scene
        if self.recipe is not None:
            yield "imagery", self.recipe.location
            yield "chosen by run", self.recipe.run_id


def trace(store: Store, product: str, row_id: str) -> Trace:
    """The way back of one embedded chip, or of one of its patches.

    Args:
        store: with all that is left of the way.
        product: embedding product.
        row_id: chip id, or `chip_id/row/col` in a product of level patch.

    Raises:
        NotFoundError: the product has no embedding of that chip, or no such patch.
    """
    is_patch = _PATCH.match(row_id)
    chip_id = is_patch["chip_id"] if is_patch else row_id
    file, chip_hash = _embedding_of(store, product, chip_id)
    made = read_metadata(store, file.key)
    patch = (int(is_patch["row"]), int(is_patch["col"])) if is_patch else None
    if patch is not None:
        _check_patch(made, row_id, patch)
    manifest = _manifest(store, file.tile)
    rows = {row.chip_id: row for row in manifest_rows(manifest)} if manifest else {}
    chip = rows.get(chip_id)
    return Trace(
        product=product,
        chip_id=chip_id,
        patch=patch,
        tile=file.tile,
        key=file.key,
        embeddings=made,
        checkpoint=_checkpoint(store, made.checkpoint_id),
        chip=chip,
        chips_run_id=manifest.meta["run_id"] if manifest else None,
        is_same_chip=chip is not None and chip.content_hash == chip_hash,
        recipe=_recipe(store, file.tile),
    )


def _check_patch(made: FileMetadata, row_id: str, patch: tuple[int, int]) -> None:
    if made.level != "patch":
        raise NotFoundError(
            f"product {made.product!r} has level {made.level}, one vector a chip, and no patch "
            f"{row_id!r}; leave out /{patch[0]}/{patch[1]}"
        )
    rows, columns = made.shape[:2]
    if patch[0] >= rows or patch[1] >= columns:
        raise NotFoundError(
            f"a chip of product {made.product!r} has {rows} x {columns} patches, rows and columns "
            f"from 0, and no patch {row_id!r}"
        )


def _embedding_of(store: Store, product: str, chip_id: str) -> tuple[EmbeddingFile, str]:
    """The file that holds a chip's embedding, and the hash of the chip that was embedded."""
    files = list_files(store, product)
    for file in sorted(files, key=lambda file: file.tile not in chip_id):  # names tell the tile
        for rows in read_rows(store, file.key, ["chip_id", "chip_hash"]):
            found = rows.filter(pc.equal(rows["chip_id"], chip_id))
            if len(found):
                return file, found["chip_hash"][0].as_py()
    raise NotFoundError(
        f"no embedding of chip {chip_id!r} in product {product!r}, looked in {len(files)} files "
        f"below {store.url(f'embeddings/{product}')}; `clay-assets search` lists chip ids"
    )


def _checkpoint(store: Store, checkpoint_id: str) -> dict[str, Any] | None:
    # Here, not above: it loads torch, which a search does not need.
    from clay_assets.checkpoints import find_checkpoint, list_checkpoints

    try:
        stored = find_checkpoint(store, checkpoint_id)
    except NotFoundError:
        return None
    named = [known for known in list_checkpoints(store) if known.id == stored.id]
    run_ids = [known.run_id for known in named if known.run_id]
    return stored.card | {
        "names": [known.name for known in named],
        "run_id": run_ids[0] if run_ids else None,
    }


def _manifest(store: Store, tile: str) -> Manifest | None:
    try:
        return read_manifest(store, tile)
    except NotFoundError:
        return None


def _recipe(store: Store, tile: str) -> Recipe | None:
    try:
        return read_recipe(store, tile)
    except NotFoundError:
        return None
