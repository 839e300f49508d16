"""Fitting a product's projection on a sample of the chips of all tiles."""

# N chips of the sample, D numbers of an embedding

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt

from clay_assets import progress
from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import ChipRow, Manifest, manifest_tiles, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings.encoder import load_encoder
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.projection import (
    StoredProjection,
    check_sample,
    find_projection,
    fit,
    put_projection,
)
from clay_assets.embeddings.read_ahead import read_ahead
from clay_assets.embeddings.reading import read_listed_chip
from clay_assets.embeddings.suiting import check_model, config_of, kind_of, shape_of
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError, ProductError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

FIT_VERSION = "1"
"""Raised when the same chips would give another projection."""
SAMPLE = 2000
"""Chips of a sample; a PCA to some hundred components is steady by then."""
_THREADS = 4


@dataclass(frozen=True)
class ProjectionReport:
    """What fitting a projection came to."""

    data_version: str
    """Content id of the projection."""
    skipped: bool
    """Whether it was fitted before, on the same chips in the same way."""
    checkpoint_id: str
    """Checkpoint that embedded the sample."""
    chips: int
    """Chips of the sample."""
    tiles: int
    """Tiles they are of."""
    width: int
    """Numbers that are left of an embedding."""
    explained: tuple[float, ...]
    """Share of the sample's variance in each component; empty without a PCA."""
    seconds: float
    """Time it took."""


def fit_projection(
    store: Store,
    product: Product,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 8,
    run_id: str,
) -> ProjectionReport:
    """Fit what a product declares on chips drawn from all tiles, and let the product use it.

    Args:
        store: with chips and the checkpoint.
        product: with `standardise` or `pca`, of chips.
        sample: chips to draw; all where there are fewer.
        seed: of the draw.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.
        batch_size: chips that go through the encoder together.
        run_id: run to note.

    Raises:
        NotFoundError: no tile has chips yet, or there is no such checkpoint.
        ProductError: the sample does not suffice, or the product does not suit the checkpoint.
        ChipError: a chip's file is not the one that is listed, or does not suit the checkpoint.
        CheckpointError: an embedding is not finite.
        InvalidValueError: the sample is empty, or device, precision or bands are not allowed.
    """
    started = time.monotonic()
    if sample < 1:
        raise InvalidValueError(f"sample must be 1 chip or more, got {sample}")
    checkpoint = find_checkpoint(store, product.checkpoint)
    check_model(product, checkpoint)
    rows = draw_chips(store, sample, seed)
    check_sample(product, len(rows))
    for kind in {kind_of(row) for row in rows}:
        shape_of(product, config_of(checkpoint.card), kind)
    inputs = fingerprint(FIT_VERSION, precision, [(row.chip_id, row.content_hash) for row in rows])
    stored = fitted_before(store, product, checkpoint.id, inputs)
    skipped = stored is not None
    if stored is None:
        embedded = _embedded(store, product, checkpoint.id, rows, device, precision, batch_size)
        vectors = np.concatenate(list(embedded))
        drawn = {"sample": sample, "seed": seed, "tiles": sorted({row.mgrs for row in rows})}
        made = {"checkpoint_id": checkpoint.id, "inputs": inputs, "run_id": run_id, **drawn}
        stored = put_projection(store, product, fit(product, vectors), made)
    return ProjectionReport(
        data_version=stored.id,
        skipped=skipped,
        checkpoint_id=checkpoint.id,
        chips=stored.made["vectors"],
        tiles=len(stored.made["tiles"]),
        width=stored.made["width"],
        explained=tuple(stored.made["explained"]),
        seconds=time.monotonic() - started,
    )


def draw_chips(store: Store, count: int, seed: int) -> list[ChipRow]:
    """So many chips of all tiles, each as likely, by tile; all where there are fewer.

    Raises:
        NotFoundError: no tile has chips.
    """
    tiles = sorted(manifest_tiles(store))
    counts = [read_manifest(store, tile).table.num_rows for tile in tiles]
    if not (total := sum(counts)):
        raise NotFoundError(
            f"no tile of {store.url('chips')} has chips, and a projection is fitted on a sample "
            "of them; materialise `chips` of some tiles first"
        )
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(total, min(count, total), replace=False))
    ends = np.cumsum(counts)
    tile_of = np.searchsorted(ends, drawn, side="right")
    rows: list[ChipRow] = []
    for number in np.unique(tile_of):
        manifest = read_manifest(store, tiles[number])
        places = drawn[tile_of == number] - (ends[number] - counts[number])
        rows += manifest_rows(Manifest(manifest.table.take(places), manifest.meta))
    return rows


def fitted_before(
    store: Store, product: Product, checkpoint_id: str, inputs: str
) -> StoredProjection | None:
    """The product's projection, if it was fitted on these very inputs."""
    try:
        found = find_projection(store, product, checkpoint_id)
    except (NotFoundError, ProductError):
        return None
    return found if found.made["inputs"] == inputs else None


def _embedded(
    store: Store,
    product: Product,
    checkpoint_id: str,
    rows: Sequence[ChipRow],
    device: str,
    precision: str,
    batch_size: int,
) -> Iterator[npt.NDArray[np.float32]]:
    """(B, D) of the chips, batch after batch, as the extraction gives them."""
    alike = sorted(rows, key=lambda row: repr(kind_of(row)))
    threads = max(_THREADS, os.cpu_count() or 1)
    chips = read_ahead(
        alike,
        lambda row: read_listed_chip(store, row),
        threads=threads,
        ahead=threads + batch_size,
    )
    pairs = progress.track(zip(alike, chips, strict=True), "Embedding a sample", len(alike))
    for kind, group in groupby(pairs, lambda pair: kind_of(pair[0])):
        encoder = load_encoder(
            store,
            checkpoint_id,
            kind,
            product.extraction,
            platform=product.platform,
            device=device,
            precision=precision,
            batch_size=batch_size,
        )

        while batch := list(islice(group, batch_size)):
            vectors = encoder.embed([chip for _, chip in batch]).wait()
            finite = np.isfinite(vectors).all(axis=1)
            if not finite.all():
                path = batch[int(np.argmin(finite))][0].path
                raise CheckpointError(
                    f"checkpoint {checkpoint_id} in {precision} gives chip {path} an embedding "
                    "that is not finite; use CLAY_PRECISION=fp32 or another checkpoint"
                )
            yield vectors
