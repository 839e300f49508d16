"""One landscape for all tests of this room; shaping it takes some seconds."""

import pytest

from clay_assets.synthetic.area import DEFAULT_TILE
from clay_assets.synthetic.world import World, world_of


@pytest.fixture(scope="session")
def world() -> World:
    return world_of(DEFAULT_TILE, 0)
