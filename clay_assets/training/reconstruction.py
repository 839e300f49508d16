"""What a checkpoint makes of a chip it sees a quarter of, for a picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from clay_assets.chips import Chip
from clay_assets.models import (
    Checkpoint,
    build,
    denormalise,
    encode_latlon,
    encode_timestep,
    normalise,
    unpatchify,
)

_RGB = ("B04", "B03", "B02")


@dataclass(frozen=True)
class Reconstruction:
    """One chip three times; each (H, W, 3) float32 red, green, blue, digital numbers."""

    chip_id: str
    """The chip."""
    target: npt.NDArray[np.float32]
    """As it is."""
    masked: npt.NDArray[np.float32]
    """As the encoder got it, NaN where hidden."""
    reconstruction: npt.NDArray[np.float32]
    """With the hidden patches filled in by the network."""


def reconstruct(
    checkpoint: Checkpoint, chip: Chip, lonlat: tuple[float, float], *, seed: int
) -> Reconstruction | None:
    """Hide most of a chip from a network and let it fill in what it does not see.

    Args:
        checkpoint: the network.
        chip: at least one patch large; what its edges have beyond whole patches is cut off.
        lonlat: its centre in degrees.
        seed: of the mask.

    Returns:
        None when the network or the chip has no red, green and blue.
    """
    network = build(checkpoint, chip.bands)
    if "rgb" not in network.groups:
        return None
    size = network.config.patch_size
    height, width = (side // size * size for side in chip.pixels.shape[1:])
    raw = torch.from_numpy(chip.pixels[:, :height, :width])[None]
    pixels = normalise(raw, chip.bands)
    place = torch.tensor([encode_latlon(*lonlat)])
    date = torch.tensor([encode_timestep(chip.date)])
    mask = network.draw_mask(pixels, torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        predicted = network(pixels, place, date, mask)
    grid = network.encoder.grid(pixels)
    channels = [network.used.index(chip.bands.index(name)) for name in _RGB]
    shown = denormalise(unpatchify(predicted, grid)[0, channels], _RGB)
    target = raw[0, [chip.bands.index(name) for name in _RGB]]
    hidden = mask.matrix(len(network.groups))[:, list(network.groups).index("rgb")]
    patches = hidden[:, None, :, None].expand(-1, 1, -1, size * size)
    is_hidden = unpatchify(patches, grid)[0] > 0
    return Reconstruction(
        chip.chip_id,
        target=_as_image(target),
        masked=_as_image(target.where(~is_hidden, torch.nan)),
        reconstruction=_as_image(target.where(~is_hidden, shown)),
    )


def _as_image(bands: torch.Tensor) -> npt.NDArray[np.float32]:
    """(3, H, W) as (H, W, 3)."""
    image: npt.NDArray[np.float32] = bands.permute(1, 2, 0).contiguous().numpy()
    return image
