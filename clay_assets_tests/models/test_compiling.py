"""Every family's encoder is one graph, without which a GPU waits for Python in every batch."""

import pytest
import torch

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.models import ClayV0Config, TransformerSize
from clay_assets.models.clay_v1_config import ClayV1Config
from clay_assets.models.families import family_with
from clay_assets.models.resnet import ResnetConfig
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets.models.vit import VitConfig

SIZE = TransformerSize(32, 1, 2, 16, 2)
RGB = ("red", "green", "blue")
NETWORKS = {
    "clay_v0": (ClayV0Config(SIZE, SIZE), ChipKind(BAND_NAMES, 64, 10.0)),
    "clay_v0_half": (ClayV0Config(SIZE, SIZE, float16_encodings=True), ChipKind(BAND_NAMES, 64, 0)),
    "clay_v1": (ClayV1Config(SIZE, SIZE), ChipKind(SENTINEL2_BANDS, 32, 10.0)),
    "vit": (VitConfig(32, 16, 32, 1, 2, 64), ChipKind(RGB, 48, 0.0)),
    "resnet": (ResnetConfig(True, (1, 1, 1, 1)), ChipKind(RGB, 32, 0.0)),
}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_encoder_is_one_graph_and_gives_the_same(name, precision):
    config, kind = NETWORKS[name]
    torch.manual_seed(0)
    family = family_with(config)
    encoder = family.encoder_of(config, family.network(config).state_dict(), kind)
    shape = (2, len(kind.bands), kind.size_px, kind.size_px)
    is_picture = kind.bands == RGB
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8) if is_picture else torch.rand(shape)
    numbers = encoder.metadata([Place(5.0, 60.0, "2023-06-12")] * 2)
    last, norm = len(encoder.layout.layers) - 1, encoder.layout.has_final_norm

    def compute(pixels, numbers):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return encoder(pixels, numbers, (last,), after_norm=norm)[0].patches.float()

    torch._dynamo.reset()
    with torch.inference_mode():
        traced = torch.compile(compute, dynamic=False, fullgraph=True, backend="eager")
        assert torch.equal(traced(pixels, numbers), compute(pixels, numbers))
