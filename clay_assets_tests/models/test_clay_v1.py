import json
from pathlib import Path

import pytest
import torch

from clay_assets.errors import InvalidValueError
from clay_assets.models import Mask, TransformerSize
from clay_assets.models.blocks import cut_patches
from clay_assets.models.clay_v1 import ClayV1, position_encoding
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.clay_v1_file import bare_names

LITTLE = TransformerSize(dim=16, depth=1, heads=2, dim_head=4, mlp_ratio=2)
CONFIG = ClayV1Config(LITTLE, LITTLE, patch_size=4)
WAVES_UM = torch.tensor([0.49, 0.56, 0.67])


@pytest.fixture(scope="module")
def little() -> ClayV1:
    torch.manual_seed(0)
    return ClayV1(CONFIG).eval().requires_grad_(False)


def chips(bands: int = 3, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(2, bands, side, side, generator=generator)
    return pixels, torch.randn(2, 8, generator=generator)


def test_the_released_network_has_the_tensors_of_the_reference(goldens: Path):
    text = (goldens.parent / "reference" / "clay_v1_state_dict_keys.json").read_text()
    bare = {key.removeprefix("model."): tuple(shape) for key, shape in json.loads(text).items()}
    with torch.device("meta"):
        network = ClayV1(ClayV1Config(*SIZES_V1["large"]))
    found = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert found == {name: bare[key] for key, name in bare_names(bare).items()}
    counts = [sum(p.numel() for p in part.parameters()) for part in network.children()]
    assert counts == [311_442_944, 15_900_160]  # shared/reference/clay.md 6


def test_the_order_of_bands_does_not_matter(little: ClayV1):
    pixels, metadata = chips()
    expected = little.encoder(pixels, WAVES_UM, 10.0, metadata)
    found = little.encoder(pixels.flip(1), WAVES_UM.flip(0), 10.0, metadata)
    torch.testing.assert_close(found, expected)


def test_patches_twice_as_far_on_the_ground_have_the_place_of_twice_the_number():
    near, far = position_encoding(4, 10.0, 24), position_encoding(2, 20.0, 24)
    torch.testing.assert_close(far, near.reshape(4, 4, 24)[::2, ::2].reshape(4, 24))


def test_place_and_time_reach_every_patch(little: ClayV1):
    pixels, metadata = chips()
    moved = metadata.clone()
    moved[:, 4] += 1
    change = little.encoder(pixels, WAVES_UM, 10.0, moved) - little.encoder(
        pixels, WAVES_UM, 10.0, metadata
    )
    assert change.abs().amax(dim=-1).min() > 1e-4


def test_visible_pixels_do_not_count_in_the_loss(little: ClayV1):
    pixels, _ = chips()
    predicted = cut_patches(pixels, 4)
    mask = Mask.from_noise(torch.arange(16.0).expand(2, -1), 0.75)
    predicted[:, 12:] += 5
    assert little.loss(predicted, pixels, mask) == 0
    predicted[:, :3] += 4  # a quarter of the hidden patches
    assert little.loss(predicted, pixels, mask).item() == pytest.approx(1.0)


def test_every_weight_of_a_masked_pass_has_a_gradient():
    torch.manual_seed(0)
    network, (pixels, metadata) = ClayV1(CONFIG), chips()
    mask = Mask.from_noise(torch.randn(2, 16), CONFIG.mask_ratio)
    network.loss(network(pixels, WAVES_UM, 10.0, metadata, mask), pixels, mask).backward()
    without = [name for name, value in network.named_parameters() if value.grad is None]
    assert without == []


@pytest.mark.parametrize("shape", [(16, 20), (18, 18), (0, 0)])
def test_chips_that_are_not_square_or_not_divided_are_refused(little: ClayV1, shape):
    message = f"with a side that patch_size 4 divides, got {shape[0]}x{shape[1]} pixels"
    with pytest.raises(InvalidValueError, match=message):
        little.encoder(torch.zeros(1, 3, *shape), WAVES_UM, 10.0, torch.zeros(1, 8))


@pytest.mark.parametrize("name", SIZES_V1)
def test_a_released_size_knows_its_name_and_survives_json(name: str):
    config = ClayV1Config(*SIZES_V1[name], norm_pix_loss=True)
    assert config.size_name == name
    assert ClayV1Config.from_json(config.to_json()) == config
    assert CONFIG.size_name is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 0}, "patch_size must be 1 pixel or more, got 0"),
        ({"mask_ratio": 1.0}, "mask_ratio must be 0 to below 1, got 1.0"),
        ({"image_size": 256}, "not a Clay v1 config: .*'image_size'"),
        ({"decoder": {}}, "not a Clay v1 config: .*'dim'"),
    ],
)
def test_an_impossible_config_is_refused(change, message):
    with pytest.raises(InvalidValueError, match=message):
        ClayV1Config.from_json(CONFIG.to_json() | change)
