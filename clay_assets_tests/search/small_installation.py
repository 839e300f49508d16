"""Small installations that the real rooms make: imagery to both indexes, by chip and by patch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import cut_tile
from clay_assets.embeddings import Product, embed_tile, load_products
from clay_assets.ingest import find_imagery, list_tiles, plan_tile
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.search import build_duckdb, postgres_server, sync_tile
from clay_assets.settings import Settings
from clay_assets.store import Store

TINY = TransformerSize(dim=32, depth=1, heads=2, dim_head=16, mlp_ratio=2)
CHIP_PX, PATCH_PX = 64, 8
PRODUCTS = """
[products.clay]
level = "mean"

[products.clay_patches]
level = "patch"
"""


@dataclass(frozen=True)
class SmallInstallation:
    """One tile in both indexes."""

    settings: Settings
    tile: str

    @property
    def store(self) -> Store:
        return self.settings.store

    @property
    def products(self) -> dict[str, Product]:
        return load_products(self.settings.products_file)


def make_installation(home: Path, imagery: str) -> SmallInstallation:
    """Chips of 64 pixels of the first tile of some imagery, embedded by a tiny network."""
    home.mkdir(parents=True, exist_ok=True)
    products_file = home / "products.toml"
    products_file.write_text(PRODUCTS)
    environ = {"CLAY_HOME": str(home), "CLAY_PRODUCTS": str(products_file), "CLAY_DEVICE": "cpu"}
    settings = Settings.from_environment(environ)
    store, tile = settings.store, list_tiles(imagery)[0]
    plan_tile(store, find_imagery(imagery, tile), run_id="run-of-tiles")
    cut_tile(store, tile, chip_size=CHIP_PX, run_id="run-of-chips")
    put_network(store)
    made = SmallInstallation(settings, tile)
    embed_and_index(made, [tile])
    return made


def put_network(store: Store) -> None:
    """A tiny Clay v0 with random weights as checkpoint `default`."""
    torch.manual_seed(0)
    config = ClayV0Config(encoder=TINY, decoder=TINY, image_size=CHIP_PX, patch_size=PATCH_PX)
    checkpoint = make_checkpoint(config, ClayV0(config).state_dict(), {"source": "random weights"})
    put_checkpoint(store, checkpoint, "default", inputs="none", run_id="run-of-checkpoint")


def embed_and_index(made: SmallInstallation, tiles: Sequence[str]) -> None:
    """Embed tiles by both products and load them into both engines."""
    store = made.store
    for tile in tiles:
        for product in made.products.values():
            embed_tile(store, product, tile, device="cpu", run_id="run-of-embeddings")
    build_duckdb(store, run_id="run-of-index")
    with postgres_server(None, made.settings.postgres_folder) as url:
        for product in made.products:
            for tile in tiles:
                sync_tile(url, store, product, tile, run_id="run-of-index")
