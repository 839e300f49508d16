"""Agreement with arrays that the reference computed; their origin is shared/goldens/README.md."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from clay_assets.models import ClayV0, ClayV0Config, Mask, build, make_checkpoint, size_named
from clay_assets.models.clay_v0 import METADATA_TOKENS, band_encoding, position_encoding

TINY_ATOL = 2e-5  # token units; advice of the goldens' README
SMALL_ATOL = 2e-4  # token units; wide weights
GRADIENT_RTOL = 1e-4  # of a gradient's norm
GROUPS, SIDE = 6, 16


def near(found: torch.Tensor, expected: np.ndarray, atol: float = TINY_ATOL) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=0, atol=atol)


def golden_mask(ratio: float = 0.75) -> Mask:
    torch.manual_seed(1234)
    return Mask.from_noise(torch.randn(2, GROUPS * SIDE * SIDE), ratio)


@pytest.fixture(scope="module")
def tokens(tiny_network, golden_chips, metadata):
    """All four chips, nothing hidden."""
    with torch.inference_mode():
        return tiny_network.encoder(golden_chips, *metadata)


def test_chips_are_normalised_to_the_same_bits(golden_inputs: ModuleType, golden_chips, tiny):
    raw = golden_inputs.make_raw(20240112, 4)
    assert golden_inputs.sha(raw) == str(tiny["input_sha256_raw4"])
    assert np.array_equal(golden_chips.numpy(), golden_inputs.normalise(raw))
    assert np.array_equal(golden_chips[:2, :, ::64, ::64].numpy(), tiny["pixels_probe"])


def test_fixed_encodings_agree(tiny):
    near(position_encoding(SIDE, SIDE, 32), tiny["A_encoder_pos_encoding"])
    near(band_encoding(GROUPS, 32), tiny["A_encoder_band_encoding"])


def test_patch_embedding_agrees(tiny_network, golden_chips, tiny):
    encoder = tiny_network.encoder
    for index, (group, bands) in enumerate(encoder.groups.items()):
        found = encoder.patch_embedding[group](golden_chips[:1, list(bands)])[0]
        near(found, tiny["A_patch_embed_s0"][index])


def test_place_and_date_tokens_agree(tiny_network, metadata, tiny):
    latlon, timestep = (values[:2] for values in metadata)
    near(tiny_network.encoder.latlon_embedding(latlon), tiny["A_latlon_token"])
    near(tiny_network.encoder.time_embedding(timestep), tiny["A_time_token"])


def test_each_stage_of_the_first_block_agrees(tiny_network, golden_chips, metadata, tiny):
    transformer, seen = tiny_network.encoder.transformer, {}
    hook = transformer.register_forward_pre_hook(lambda _, inputs: seen.update(x=inputs[0]))
    with torch.inference_mode():
        tiny_network.encoder(golden_chips[:1], metadata[0][:1], metadata[1][:1])
        hook.remove()
        attended = seen["x"] + transformer.layers[0][0](seen["x"])
        block = attended + transformer.layers[0][1](attended)
    near(seen["x"][0, ::24], tiny["A_tokens_in_s0"])
    near(attended[0, ::24], tiny["A_after_attn0_s0"])
    near(block[0, ::24], tiny["A_after_mlp0_s0"])


def test_encoder_agrees(tokens, tiny):
    near(tokens[:2], tiny["A_encoder_out"])


def test_embeddings_of_all_levels_agree(tokens, tiny):
    patches = tokens[:, :-METADATA_TOKENS]
    groups = patches.reshape(4, GROUPS, SIDE, SIDE, -1)
    near(patches.mean(dim=1), tiny["D_mean"])
    near(groups.mean(dim=1).reshape(4, -1)[:2], tiny["D_patch"])
    near(groups[:1].reshape(1, -1)[:, ::97], tiny["D_group"])


def test_mask_agrees(tiny):
    mask = golden_mask()
    assert np.array_equal(mask.hidden, tiny["B_masked_indices"])
    assert np.array_equal(mask.kept, tiny["B_unmasked_indices"])
    assert np.array_equal(mask.matrix(GROUPS), tiny["B_masked_matrix"])


def test_masked_pass_and_decoder_agree(tiny_network, golden_chips, metadata, tiny):
    chips, place, date, mask = golden_chips[:2], metadata[0][:2], metadata[1][:2], golden_mask()
    seen = {}

    def remember(_, inputs, output):
        seen.update(before=inputs[0], after=output)

    hook = tiny_network.decoder.transformer.register_forward_hook(remember)
    with torch.inference_mode():
        near(tiny_network.encoder(chips, place, date, mask), tiny["B_encoder_out"])
        predicted = tiny_network(chips, place, date, mask)
        hook.remove()
    near(seen["before"][0], tiny["B_decoder_in_s0"])
    near(seen["after"][0], tiny["B_decoder_tokens_s0"])
    near(predicted[:, :, ::16, ::32], tiny["B_pixels_probe"])
    near(predicted[0, :, :2], tiny["B_pixels_s0_c0_p0_7"])
    near(tiny_network.patch_errors(predicted, chips), tiny["B_loss_per_patch"])


def test_loss_and_gradients_agree(tiny_checkpoint, golden_chips, metadata, tiny):
    network, chips = build(tiny_checkpoint), golden_chips[:2]
    mask = golden_mask()
    loss = network.loss(network(chips, metadata[0][:2], metadata[1][:2], mask), chips, mask)
    loss.backward()
    near(loss, tiny["B_loss"])
    near(network.decoder.mask_patch.grad, tiny["B_grad_mask_patch"])
    gradients = {name: value.grad.norm().item() for name, value in network.named_parameters()}
    names = [str(name).removeprefix("model.") for name in tiny["B_grad_names"]]
    assert sorted(gradients) == sorted(names)
    assert [gradients[name] for name in names] == pytest.approx(
        tiny["B_grad_norms"].tolist(), rel=GRADIENT_RTOL
    )


def test_first_tokens_are_hidden_without_noise(tiny_network, golden_chips, metadata, tiny):
    chips = golden_chips[:2]
    mask = Mask.from_noise(torch.arange(1536.0).expand(2, -1), 0.75)
    assert np.array_equal(mask.hidden[:, :3], tiny["C_masked_first"])
    assert np.array_equal(mask.kept[:, :3], tiny["C_unmasked_first"])
    with torch.inference_mode():
        predicted = tiny_network(chips, metadata[0][:2], metadata[1][:2], mask)
    near(tiny_network.loss(predicted, chips, mask), tiny["C_eval_mask_loss"])


def test_partial_bands_agree(goldens: Path, tiny_checkpoint, golden_chips, metadata):
    partial = np.load(goldens / "clay_v0_tiny_partial.npz")
    network = build(tiny_checkpoint, ("B02", "B03", "B04", "B08"))
    assert network.groups == {"rgb": (2, 1, 0), "nir": (3,)}
    with torch.inference_mode():
        tokens = network.encoder(golden_chips[:2, [0, 1, 2, 6]], metadata[0][:2], metadata[1][:2])
    near(tokens[0], partial["P_out_s0"])
    near(tokens[:, :-METADATA_TOKENS].mean(dim=1), partial["P_mean"])


@pytest.fixture(scope="module")
def small_network(golden_inputs: ModuleType) -> ClayV0:
    """The released size, weights by the goldens' rule."""
    encoder, decoder = size_named("small")
    config = ClayV0Config(encoder, decoder)
    with torch.device("meta"):
        shapes = {f"model.{k}": tuple(v.shape) for k, v in ClayV0(config).state_dict().items()}
    state = golden_inputs.det_state(shapes)
    tensors = {key.removeprefix("model."): torch.from_numpy(v) for key, v in state.items()}
    return build(make_checkpoint(config, tensors, {}))


def test_released_size_agrees(goldens: Path, small_network, golden_chips, metadata):
    golden = np.load(goldens / "clay_v0_small_det.npz")
    chips, place, date = golden_chips[:2], metadata[0][:2], metadata[1][:2]
    with torch.inference_mode():
        tokens = small_network.encoder(chips, place, date)
    patches = tokens[:, :-METADATA_TOKENS]
    groups = patches.reshape(2, GROUPS, SIDE, SIDE, -1)
    near(tokens[0, ::12], golden["A_out_s0_every12"], SMALL_ATOL)
    near(tokens[:, -METADATA_TOKENS:], golden["A_meta_tokens"], SMALL_ATOL)
    near(patches.mean(dim=1), golden["A_mean"], SMALL_ATOL)
    near(groups[1].mean(dim=0)[7], golden["A_patch_s1_row7"], SMALL_ATOL)
    near(groups[1, :, 7, 3], golden["A_group_s1_r7c3"], SMALL_ATOL)
    found = [tokens.mean(), tokens.std(), tokens.min(), tokens.max()]
    near(torch.stack(found), golden["A_stats_mean_std_min_max"], SMALL_ATOL)


def test_released_size_reconstructs_alike(goldens: Path, small_network, golden_chips, metadata):
    golden = np.load(goldens / "clay_v0_small_det.npz")
    chips, mask = golden_chips[:2], golden_mask()
    with torch.inference_mode():
        predicted = small_network(chips, metadata[0][:2], metadata[1][:2], mask)
        loss = small_network.loss(predicted, chips, mask)
    near(predicted[:, :, ::32, ::128], golden["B_pixels_probe"], SMALL_ATOL)
    near(loss, golden["B_loss"], SMALL_ATOL)
