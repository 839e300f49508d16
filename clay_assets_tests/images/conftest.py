"""A tiny vision transformer as a checkpoint, and a set of pictures."""

from pathlib import Path

import pytest
from torch import nn

from clay_assets.checkpoints import put_checkpoint
from clay_assets.embeddings import Product
from clay_assets.images.sets import image_set_of, write_set
from clay_assets.models import make_checkpoint
from clay_assets.models.vit import Vit, VitConfig
from clay_assets.store import Store
from clay_assets_tests.images.making import put_pictures
from clay_assets_tests.models.seeded import weights

TINY = VitConfig(image_size=32, patch_size=8, width=16, depth=3, heads=2, mlp_width=32)
NAMES = [f"{kind}/bird_{number}.png" for kind in ("great_tit", "siskin") for number in range(4)]
LAST_TWO = Product(
    "last_two", "vit", input="images", level="chip", pooling="mean", last_k=2, l2=True
)


def put_network(store: Store, network: nn.Module, config: object, name: str) -> str:
    """A network with weights by a rule as a checkpoint; returns its id."""
    checkpoint = make_checkpoint(config, weights(network.state_dict()), {"source": "a rule"})
    return put_checkpoint(store, checkpoint, name, inputs="a rule", run_id="test").id


def put_huge_network(store: Store) -> None:
    """A network as checkpoint `huge` whose numbers are too large for float32."""
    tensors = weights(Vit(TINY).state_dict())
    tensors["conv_proj.weight"] *= 1e38
    checkpoint = make_checkpoint(TINY, tensors, {"source": "a rule"})
    put_checkpoint(store, checkpoint, "huge", inputs="", run_id="test")


@pytest.fixture
def vit(store: Store) -> str:
    """Id of the tiny vision transformer, which is named `vit`."""
    return put_network(store, Vit(TINY), TINY, "vit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight pictures in two folders."""
    put_pictures(tmp_path / "birds", NAMES)
    return tmp_path / "birds"


@pytest.fixture
def birds(store: Store, folder: Path) -> str:
    """Name of the image set of `folder`."""
    write_set(store, image_set_of("birds", str(folder)))
    return "birds"
