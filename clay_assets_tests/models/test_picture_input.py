import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import InvalidValueError
from clay_assets.models.picture_input import picture_input
from clay_assets.models.token_encoder import ChipKind
from clay_assets.models.vit import Vit, VitConfig, encoder_of
from clay_assets_tests.models.seeded import weights

MEAN = (0.485, 0.456, 0.406)  # of ImageNet; the SimCLR note
STD = (0.229, 0.224, 0.225)
LEVEL = 1 / 255  # a step of an 8-bit picture


def picture(side: int) -> Image.Image:
    """Shapes with hard edges on a gradient."""
    shades = np.linspace(0, 255, side).astype(np.uint8)
    image = Image.merge("RGB", [Image.fromarray(np.tile(shades, (side, 1)))] * 3)
    draw = ImageDraw.Draw(image)
    draw.ellipse((side // 8, side // 8, side // 2, side // 2), fill=(220, 30, 60))
    draw.line((0, side, side, side // 3), fill=(10, 240, 20), width=3)
    return image


def pixels(image: Image.Image) -> torch.Tensor:
    """(1, 3, H, W) uint8."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


def brightness(normalised: torch.Tensor) -> torch.Tensor:
    """Red, green and blue between 0 and 1 again."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return normalised * std + mean


def test_a_picture_of_the_right_size_is_only_normalised():
    chip = pixels(picture(32))
    found = picture_input(ChipKind(("red", "green", "blue"), 32, 0.0), 32, family="a test")(chip)
    torch.testing.assert_close(brightness(found), chip / 255)
    assert found[0, 0, 0, 0].item() == pytest.approx(-0.485 / 0.229)  # black in red


@pytest.mark.parametrize("side", [300, 57])
def test_pictures_are_resized_as_pil_does_it(side: int):
    image = picture(side)
    resize = picture_input(ChipKind(("red", "green", "blue"), side, 0.0), 96, family="a test")
    expected = pixels(image.resize((96, 96), Image.Resampling.BILINEAR)) / 255
    found = brightness(resize(pixels(image)))
    # PIL rounds to whole levels after the rows and again after the columns.
    torch.testing.assert_close(found, expected, rtol=0, atol=1.1 * LEVEL)


def test_sentinel_2_becomes_true_colour():
    chip = torch.zeros(1, len(BAND_NAMES), 2, 2)
    chip[0, BAND_NAMES.index("B04")] = 3558  # digital number of full brightness
    chip[0, BAND_NAMES.index("B03")] = 1779
    chip[0, BAND_NAMES.index("B02")] = 20000  # a cloud
    found = brightness(picture_input(ChipKind(BAND_NAMES, 2, 10.0), 2, family="a test")(chip))
    expected = torch.tensor([1.0, 0.5, 1.0])[:, None, None].expand(-1, 2, 2)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-6)


def test_colours_are_found_by_their_names():
    chip = pixels(picture(8))
    expected = picture_input(ChipKind(("red", "green", "blue"), 8, 0.0), 8, family="a test")(chip)
    kind = ChipKind(("nir", "blue", "green", "red"), 8, 1.0)
    other = torch.cat([chip[:, :1], chip.flip(1)], dim=1).float()
    assert torch.equal(picture_input(kind, 8, family="a test")(other), expected)


@pytest.mark.parametrize(
    "bands",
    [("B02", "B03"), ("red", "green"), ("red", "green", "blue", "nir08", "swir16"), ()],
    ids=["no red", "no blue", "landsat", "none"],
)
def test_chips_without_colours_of_known_range_are_refused(bands: tuple[str, ...]):
    message = f"a test takes colour pictures: .*; the chips have {' '.join(bands) or 'none'}$"
    with pytest.raises(InvalidValueError, match=message):
        picture_input(ChipKind(bands, 8, 10.0), 8, family="a test")


def test_a_vision_transformer_sees_a_resized_picture_nearly_as_pil_resizes_it():
    config = VitConfig(32, 8, 16, 2, 2, 32)
    with torch.device("meta"):
        state = weights(Vit(config).state_dict())
    image, found = picture(100), {}
    for side in (100, 32):
        encoder = encoder_of(config, state, ChipKind(("red", "green", "blue"), side, 0.0))
        given = pixels(image.resize((side, side), Image.Resampling.BILINEAR))
        (tokens,) = encoder(given, encoder.metadata([]), (1,), after_norm=True)
        found[side] = tokens.patches
    torch.testing.assert_close(found[100], found[32], rtol=0, atol=0.05)  # of unit variance
