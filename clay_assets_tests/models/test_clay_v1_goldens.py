"""Agreement with arrays that Clay v1.5 computed; their origin is shared/goldens/README.md."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.embeddings.extraction import Extraction, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.models import Mask, families, read_original
from clay_assets.models.clay_v1 import ClayV1, encode_waves
from clay_assets.models.clay_v1_config import ClayV1Config
from clay_assets.models.clay_v1_file import bare_names, config_of
from clay_assets.models.clay_v1_tokens import encoder_of
from clay_assets.models.platforms import PLATFORMS
from clay_assets.models.token_encoder import ChipKind

ATOL = 2e-5  # token units; advice of the goldens' README
GSD_M = 10.0
S2 = PLATFORMS["sentinel-2-l2a"]
MEANS, STDS = [band.mean for band in S2.bands], [band.std for band in S2.bands]
FEW = [2, 1, 0, 6]  # red, green, blue and near infrared of C_*
FEW_PX = 128


def near(found: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=ATOL)


@pytest.fixture(scope="module")
def golden(goldens: Path) -> dict[str, np.ndarray]:
    return dict(np.load(goldens / "clay_v1_tiny.npz"))


@pytest.fixture(scope="module")
def weights(goldens: Path) -> tuple[ClayV1Config, dict[str, torch.Tensor]]:
    content = torch.load(goldens / "clay_v1_tiny.ckpt", weights_only=True)
    bare = {key.removeprefix("model."): value for key, value in content["state_dict"].items()}
    tensors = {name: bare[key] for key, name in bare_names(bare).items()}
    return config_of(tensors, content["hyper_parameters"], heads=(2, 2)), tensors


@pytest.fixture(scope="module")
def network(weights) -> ClayV1:
    config, tensors = weights
    network = ClayV1(config).eval().requires_grad_(False)
    network.load_state_dict(tensors)
    return network


@pytest.fixture(scope="module")
def raw(golden_inputs: ModuleType) -> torch.Tensor:
    return torch.from_numpy(golden_inputs.make_raw(20241119, 2, 256, 32, MEANS, STDS))


@pytest.fixture(scope="module")
def pixels(golden_inputs: ModuleType, raw: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(golden_inputs.normalise(raw.numpy(), MEANS, STDS))


@pytest.fixture(scope="module")
def known(golden) -> tuple[torch.Tensor, float, torch.Tensor]:
    """Wavelengths, ground distance and metadata of both chips."""
    metadata = np.concatenate([golden["time"], golden["latlon"]], axis=1)
    return torch.from_numpy(golden["waves"]), GSD_M, torch.from_numpy(metadata)


@pytest.fixture(scope="module")
def mask() -> Mask:
    torch.manual_seed(1234)
    return Mask.from_noise(torch.randn(2, 1024), 0.75)


@pytest.fixture(scope="module")
def predicted(network, pixels, known, mask) -> torch.Tensor:
    return network(pixels, *known, mask)


def test_the_inputs_are_those_of_the_goldens(golden, pixels):
    assert np.array_equal(pixels[:, :, ::32, ::32].numpy(), golden["pixels_probe"])
    near(torch.tensor([band.wavelength_um for band in S2.bands]), golden["waves"])


def test_generated_weights_agree(network, golden, known):
    embedding = network.encoder.patch_embedding
    waves = embedding.fclayer(encode_waves(known[0]))
    weights, bias = embedding.weight_generator(waves)
    near(waves, golden["A_waves_encoded"])
    near(weights[:, ::64], golden["A_gen_weight_probe"])
    near(bias, golden["A_gen_bias"])


def test_patch_embedding_agrees(network, golden, pixels, known):
    found = network.encoder.patch_embedding(pixels[:1], known[0])
    near(found[0, ::8], golden["A_patch_embed_s0"])


def test_encoder_agrees(network, golden, pixels, known):
    tokens = network.encoder(pixels, *known)
    near(tokens[:, 0], golden["A_cls"])
    near(tokens[0], golden["A_out_s0"])
    near(tokens[:, 1:].mean(dim=1), golden["A_patch_mean"])


def test_fewer_bands_and_unknown_metadata_agree(network, golden, pixels, known):
    few = pixels[:, FEW, :FEW_PX, :FEW_PX]
    tokens = network.encoder(few, known[0][FEW], 1.0, torch.zeros(2, 8))
    near(tokens[:, 0], golden["C_cls"])
    near(tokens[0], golden["C_out_s0"])


def test_masked_pass_and_decoder_agree(network, golden, pixels, known, mask, predicted):
    assert np.array_equal(mask.hidden, golden["B_masked_indices"])
    assert np.array_equal(mask.kept, golden["B_unmasked_indices"])
    near(network.encoder(pixels, *known, mask), golden["B_encoder_out"])
    assert list(predicted.shape) == golden["B_pixels_shape"].tolist()
    near(predicted[:, ::32, ::16], golden["B_pixels_probe"])


@pytest.mark.parametrize(
    ("norm_pix_loss", "key"),
    [(False, "B_reconstruction_loss"), (True, "B_reconstruction_loss_norm_pix")],
)
def test_both_losses_agree(weights, golden, pixels, mask, predicted, norm_pix_loss: bool, key: str):
    with torch.device("meta"):
        network = ClayV1(replace(weights[0], norm_pix_loss=norm_pix_loss))
    near(network.loss(predicted, pixels, mask), golden[key])


def test_raw_chips_with_more_bands_give_the_golden_output(weights, golden, raw, known):
    chips = torch.full((2, len(BAND_NAMES), 256, 256), torch.nan)
    chips[:, [BAND_NAMES.index(name) for name in SENTINEL2_BANDS]] = raw
    encoder = encoder_of(*weights, ChipKind(BAND_NAMES, 256, GSD_M))
    (tokens,) = encoder(chips, known[2], (1,), after_norm=True)
    near(tokens.cls, golden["A_cls"])
    near(tokens.patches[0].reshape(-1, 64), golden["A_out_s0"][1:])


def test_the_file_itself_gives_the_golden_embedding_at_each_level(goldens, golden, raw, known):
    checkpoint = read_original(goldens / "clay_v1_tiny.ckpt", heads=(2, 2))
    network = families.encoder_of(checkpoint, ChipKind(SENTINEL2_BANDS, 256, GSD_M))

    def taken(level: str) -> torch.Tensor:
        resolved = resolve(Extraction(level), network.layout, name="golden")
        return extract(network, raw, known[2], resolved)

    near(taken("cls"), golden["A_cls"])
    near(taken("mean"), golden["A_patch_mean"])
    near(taken("patch")[0].reshape(-1, 64), golden["A_out_s0"][1:])


def test_raw_chips_with_fewer_bands_give_the_golden_output(weights, golden, raw):
    kind = ChipKind(("B04", "B03", "B02", "B08"), FEW_PX, 1.0)
    encoder = encoder_of(*weights, kind)
    few = raw[:, FEW, :FEW_PX, :FEW_PX]
    (tokens,) = encoder(few, torch.zeros(2, 8), (1,), after_norm=True)
    near(tokens.cls, golden["C_cls"])
    near(tokens.patches[0].reshape(-1, 64), golden["C_out_s0"][1:])
