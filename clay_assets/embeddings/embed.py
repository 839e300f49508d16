"""All chips of many tiles through an encoder into their embedding files."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from clay_assets import progress
from clay_assets.embeddings.batching import WantedChip
from clay_assets.embeddings.encoding import EncoderSettings, encode_chips
from clay_assets.embeddings.in_hand import Outcome, TileInHand, take_in_hand
from clay_assets.embeddings.outputs.stac_collection import write_collection
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.read_ahead import read_ahead
from clay_assets.embeddings.reading import read_chips
from clay_assets.embeddings.report import EmbeddingsReport
from clay_assets.errors import ClayAssetsError, InvalidValueError
from clay_assets.store import Store

_PLANNED = 2
"""Tiles that are planned ahead of those whose chips are read."""
_TO_WRITE = 2
"""Files that may wait to be written; their embeddings are in memory."""


def embed_tile(
    store: Store,
    product: Product,
    tile: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 8,
    run_id: str,
) -> EmbeddingsReport:
    """Bring the embeddings of a tile's chips up to date.

    Only chips that are new or have changed go through the encoder. The tile's file is replaced
    whole at the end; a killed run leaves the old one, and what it has computed for the next run.

    Args:
        store: with the tile's chips and the checkpoint.
        product: how to embed.
        tile: MGRS tile id.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.
        batch_size: chips that go through the encoder together.
        run_id: run to note.

    Raises:
        NotFoundError: the tile has no chips yet, or there is no such checkpoint.
        ChipError: a chip's file breaks the chip contract or is not the one that is listed, or the
            chips do not suit the product.
        CheckpointError: the checkpoint was damaged.
        InvalidValueError: device, precision or batch size is not allowed here, or the network
            cannot take the bands of the chips.
        ProductError: the network lacks what the product takes.
        StoreError: a file could not be read or written.
    """
    settings = _settings(device, precision, batch_size)
    ((_, outcome),) = _embed(store, product, [tile], settings, run_id)
    if isinstance(outcome, ClayAssetsError):
        raise outcome
    return outcome


def embed_tiles(
    store: Store,
    product: Product,
    tiles: Iterable[str],
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 8,
    run_id: str,
) -> Iterator[tuple[str, Outcome]]:
    """Bring the embeddings of many tiles up to date, as `embed_tile` does of one.

    Chips are read ahead across tiles, tiles share batches, and a file is written while the next
    tile's chips are encoded. Memory holds a few batches of chips and the vectors of a few tiles,
    however many there are. A tile that fails does so alone.

    Yields:
        Each tile, in order, once its file is in the store: what it came to, or why it failed, an
        error that `embed_tile` would raise.

    Raises:
        InvalidValueError: the batch size is not allowed.
    """
    return _embed(store, product, tiles, _settings(device, precision, batch_size), run_id)


def _settings(device: str, precision: str, batch_size: int) -> EncoderSettings:
    if batch_size < 1:
        raise InvalidValueError(f"batch_size must be 1 or more, got {batch_size}")
    return EncoderSettings(device, precision, batch_size)


def _embed(
    store: Store, product: Product, tiles: Iterable[str], settings: EncoderSettings, run_id: str
) -> Iterator[tuple[str, Outcome]]:
    begun: deque[tuple[str, TileInHand | Outcome]] = deque()  # in order, until they are yielded
    planned = read_ahead(
        tiles,
        lambda tile: (tile, take_in_hand(store, product, tile, precision=settings.precision)),
        threads=1,
        ahead=_PLANNED,
    )
    with (
        ThreadPoolExecutor(1, "write-embeddings") as writer,
        closing(planned),
        closing(_wanted(planned, begun)) as wanted,
        closing(read_chips(store, wanted, ahead=settings.batch_size)) as reads,
        closing(encode_chips(store, reads, settings)) as encoded,
    ):
        writing: deque[Future[Outcome]] = deque()
        for hands in encoded:
            for hand in hands:
                _report(hand)
                if hand.is_complete and hand.written is None:
                    hand.written = writer.submit(hand.finish, run_id)
                    writing.append(hand.written)
            while len(writing) > _TO_WRITE:
                writing.popleft().result()
            while begun and _is_settled(begun[0][1]):
                yield _settled(*begun.popleft())
        while begun:
            yield _settled(*begun.popleft())
    write_collection(store, product.name)


def _wanted(
    planned: Iterable[tuple[str, TileInHand | Outcome]],
    begun: deque[tuple[str, TileInHand | Outcome]],
) -> Generator[WantedChip]:
    """The missing chips of tile after tile; at least one item a tile, to overlook none."""
    for tile, hand in planned:
        begun.append((tile, hand))
        if not isinstance(hand, TileInHand):
            yield WantedChip(None, None)
            continue
        if not hand.missing:
            yield WantedChip(hand, None)
            continue
        _report(hand)
        for row in hand.missing:
            if hand.error is None:
                yield WantedChip(hand, row)


def _report(hand: TileInHand) -> None:
    if hand.missing:
        progress.report(f"Embedding chips of {hand.tile}", hand.embedded, len(hand.missing))


def _is_settled(hand: TileInHand | Outcome) -> bool:
    return not isinstance(hand, TileInHand) or (hand.written is not None and hand.written.done())


def _settled(tile: str, hand: TileInHand | Outcome) -> tuple[str, Outcome]:
    if not isinstance(hand, TileInHand):
        return tile, hand
    assert hand.written is not None  # nothing more comes, so it is complete
    return tile, hand.written.result()
