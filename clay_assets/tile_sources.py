"""Where each tile's imagery comes from: what a person or a sensor registered for it."""

import json
from dataclasses import asdict, dataclass

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.mgrs import parse_tile
from clay_assets.store import Store

DEFAULT_CHIP_SIZE = 512
_FOLDER = "imagery"


@dataclass(frozen=True)
class TileSource:
    """Imagery of one tile and how it is to be cut."""

    mgrs: str
    """MGRS tile id."""
    location: str
    """STAC API, catalogue, item, or folder of ready chips."""
    dates: tuple[str, ...] = ()
    """`YYYY-MM-DD` days or `YYYY-MM-DD/YYYY-MM-DD` ranges, one datacube each; empty for any."""
    subset: tuple[int, int, int, int] | None = None
    """Pixels x0, y0, x1, y1 of the tile's grid; None for all of it."""
    chip_size: int = DEFAULT_CHIP_SIZE
    """Side of a chip in pixels."""
    items: tuple[str, ...] = ()
    """Ids of the STAC items to use; empty for any."""
    withdrawn: bool = False
    """Whether its imagery was deleted, so that all that was made of it goes too."""

    def __post_init__(self) -> None:
        """Check what can be checked without the imagery.

        Raises:
            InvalidValueError: the subset or the chip size makes no sense.
            TileError: the tile does not exist.
        """
        parse_tile(self.mgrs)
        if not 16 <= self.chip_size <= 10_980:
            raise InvalidValueError(f"chip_size must be 16 to 10980 pixels, got {self.chip_size}")
        if self.subset is not None:
            x0, y0, x1, y1 = self.subset
            if not (0 <= x0 < x1 and 0 <= y0 < y1):
                raise InvalidValueError(
                    f"subset must be x0,y0,x1,y1 in pixels with x0 < x1 and y0 < y1, got "
                    f"{x0},{y0},{x1},{y1}"
                )


def write_source(store: Store, source: TileSource) -> None:
    """Register a tile's source in place of the one before; the same is not written again."""
    if read_source_if_any(store, source.mgrs) != source:
        store.write_bytes(_key(source.mgrs), json.dumps(asdict(source), indent=1).encode())


def read_source_if_any(store: Store, tile: str) -> TileSource | None:
    """The registered source of a tile; None when none is."""
    try:
        return read_source(store, tile)
    except NotFoundError:
        return None


def read_source(store: Store, tile: str) -> TileSource:
    """The registered source of a tile.

    Raises:
        NotFoundError: none is registered.
    """
    try:
        fields = json.loads(store.read_bytes(_key(tile)))
    except NotFoundError as error:
        raise NotFoundError(
            f"no imagery is registered for tile {tile}; run `clay-assets add {tile} --imagery "
            "LOCATION`, then materialise it"
        ) from error
    subset = fields.get("subset")
    lists = {name: tuple(fields.get(name, ())) for name in ("dates", "items")}
    return TileSource(**fields | lists | {"subset": tuple(subset) if subset else None})


def registered_tiles(store: Store) -> list[str]:
    """Tiles with a registered source, sorted."""
    names = (file.key.removeprefix(f"{_FOLDER}/") for file in store.files(_FOLDER))
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _key(tile: str) -> str:
    return f"{_FOLDER}/{tile}.json"
