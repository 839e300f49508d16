"""Sunlight on the landscape of one scene: slopes that face the sun, and shadows of mountains."""

import math
from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.landform import Landform, relief_on
from clay_assets.synthetic.mountains import STEP_PX
from clay_assets.synthetic.noise import Floats
from clay_assets.synthetic.scenes import Scene, Sun
from clay_assets.synthetic.world import World

_LONGEST_SHADOW_M = 9_000.0


@dataclass(frozen=True)
class View:
    """A landscape under the light of one scene."""

    world: World
    """The landscape."""
    scene: Scene
    """Sun, season and cloud."""
    shadow_m: Floats
    """(H, W) height up to which the relief's nodes lie in the shadow of mountains."""


@dataclass(frozen=True)
class Light:
    """Light on one rectangle, before clouds."""

    direct: Floats
    """Sunlight on the slope; the sine of the sun's elevation on level ground."""
    sky: Floats
    """Share of the sky that the slope sees."""


def view_of(world: World, scene: Scene) -> View:
    """The landscape under a scene's sun."""
    return View(world, scene, _shadow_heights(world, scene.sun))


def light_of(view: View, land: Landform) -> Light:
    """Light on a rectangle."""
    east, north, up = (np.float32(part) for part in view.scene.sun.direction)
    upright = 1 / np.sqrt(1 + land.east_slope**2 + land.north_slope**2)
    facing = (up - east * land.east_slope - north * land.north_slope) * upright
    depth = relief_on(view.world, view.shadow_m, land.window) - land.height_m
    lit = 1 - np.clip(depth / np.float32(25), 0, 1)
    return Light(np.maximum(facing, 0) * lit, (1 + upright) / 2)


def _shadow_heights(world: World, sun: Sun) -> Floats:
    """Sunbeams that graze a node up-sun have fallen to this height above the nodes behind it."""
    height = world.relief.surface_m
    step_m = np.float32(10 * STEP_PX)
    azimuth = math.radians(sun.azimuth_deg)
    fall = step_m * np.float32(math.tan(math.radians(sun.elevation_deg)))
    shadow = np.full(height.shape, np.float32(-1000), np.float32)
    rows, columns = height.shape
    for step in range(2, int(_LONGEST_SHADOW_M / step_m)):
        right, up = round(step * math.sin(azimuth)), round(step * math.cos(azimuth))
        here = np.s_[max(0, up) : rows + min(0, up), max(0, -right) : columns - max(0, right)]
        sunward = np.s_[max(0, -up) : rows - max(0, up), max(0, right) : columns + min(0, right)]
        np.maximum(shadow[here], height[sunward] - fall * step, out=shadow[here])
    return shadow
