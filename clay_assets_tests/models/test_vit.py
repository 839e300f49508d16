from dataclasses import replace

import pytest
import torch
from torch import nn

from clay_assets.embeddings.extraction import Extraction, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.cpu_layers import can_pack, quicken
from clay_assets.models.token_encoder import ChipKind, Layer, Layout, Place
from clay_assets.models.vit import (
    Vit,
    VitConfig,
    VitEncoder,
    bare_names,
    config_of,
    encoder_of,
    layout_of,
    recognises,
)
from clay_assets_tests.models.seeded import numbers, weights

LITTLE = VitConfig(image_size=32, patch_size=8, width=16, depth=3, heads=2, mlp_width=32)
LARGE = VitConfig(224, 16, 1024, 24, 16, 4096)
BASE = VitConfig(224, 16, 768, 12, 12, 3072)
PICTURE = ChipKind(("red", "green", "blue"), 32, 0.0)
ATOL = 1e-5  # of tokens of about unit variance, float32


def tensors(config: VitConfig = LITTLE) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return weights(Vit(config).state_dict())


def little() -> VitEncoder:
    return encoder_of(LITTLE, tensors(), PICTURE)


def found_config(found: dict[str, torch.Tensor], heads: tuple[int, int] | None = (2, 0)):
    return config_of(found, {}, heads=heads, name="a.pth")


@pytest.mark.parametrize(
    ("layer", "after_norm", "cls_of_first", "patch_6_of_second"),
    [  # torchvision 0.29.2 VisionTransformer(32, 8, 3, 2, 16, 32), outputs of its encoder layers
        (0, False, [0.508768, 0.925848, -1.005026], [2.804661, -0.900578, 2.365893]),
        (1, False, [0.976976, -1.043214, -1.339397], [4.097894, -0.808823, 2.363181]),
        (2, False, [2.726899, -0.386999, 1.534902], [6.811365, -0.544684, 4.121866]),
        (2, True, [1.427318, -0.339315, 0.826310], [2.386574, -0.660515, 1.350678]),
    ],
)
def test_tokens_of_each_layer_are_torchvisions(layer, after_norm, cls_of_first, patch_6_of_second):
    (found,) = little().network(numbers((2, 3, 32, 32), 1000), (layer,), after_norm=after_norm)
    torch.testing.assert_close(found[0, 0, :3], torch.tensor(cls_of_first), rtol=0, atol=ATOL)
    torch.testing.assert_close(found[1, 7, :3], torch.tensor(patch_6_of_second), rtol=0, atol=ATOL)


def test_the_blocks_are_those_of_torch():
    network, x = little().network, numbers((2, 5, 16), 7)
    for name, block in network.encoder.layers.items():
        other = nn.TransformerEncoderLayer(
            16, 2, 32, 0.0, "gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
        ).train()  # its fast way in evaluation is another implementation
        names = {"ln_1": "norm1", "ln_2": "norm2", "self_attention": "self_attn"}
        mlp = {"mlp.0": "linear1", "mlp.3": "linear2"}
        state = block.state_dict()
        for ours, theirs in (names | mlp).items():
            state = {key.replace(ours, theirs): value for key, value in state.items()}
        other.load_state_dict(state)
        torch.testing.assert_close(block(x), other(x), rtol=0, atol=ATOL, msg=name)


def test_layers_are_what_hooks_on_the_blocks_see():
    encoder = little()
    seen = []
    for block in encoder.network.encoder.layers.values():
        block.register_forward_hook(lambda _, given, out: seen.append(out))
    pixels = (numbers((2, 3, 32, 32), 1) * 40 + 128).clamp(0, 255).to(torch.uint8)
    found = encoder(pixels, encoder.metadata([]), (0, 2), after_norm=False)
    for tokens, expected in zip(found, (seen[0], seen[2]), strict=True):
        assert torch.equal(tokens.cls, expected[:, 0])
        assert torch.equal(tokens.patches.flatten(1, 3), expected[:, 1:])
        assert tokens.patches.shape == (2, 1, 4, 4, 16)


def test_blocks_behind_the_last_layer_are_not_run():
    encoder = little()
    encoder.network.encoder.layers["encoder_layer_2"] = None
    pixels = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    assert len(encoder(pixels, encoder.metadata([]), (0, 1), after_norm=True)) == 2


def test_patches_are_in_rows():
    """A change in one corner changes the patch embedding there only."""
    network, pictures = little().network, numbers((1, 3, 32, 32), 3)
    other = pictures.clone()
    other[..., :8, 24:] += 1  # row 0, column 3
    for block in network.encoder.layers.values():
        block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    seen: list[torch.Tensor] = []
    network(pictures, (0,))
    network(other, (0,))
    changed = (seen[0] != seen[1]).any(dim=-1)[0, 1:].unflatten(0, (4, 4))
    assert changed.nonzero().tolist() == [[0, 3]]


@pytest.mark.parametrize(
    ("config", "name", "parameters"),
    [  # parameters of torchvision's metadata, less 1000 classes: 86567656 and 304326632
        (BASE, "vit_b_16", 86567656 - 769000),
        (LARGE, "vit_l_16", 304326632 - 1025000),
    ],
)
def test_published_sizes_are_told_from_shapes(config: VitConfig, name: str, parameters: int):
    with torch.device("meta"):
        state = Vit(config).state_dict()
    assert sum(tensor.numel() for tensor in state.values()) == parameters
    assert found_config(state, heads=None) == config
    assert config.size_name == name
    assert replace(config, depth=3).size_name is None


def test_tensors_have_the_names_of_torchvision():
    block = "encoder.layers.encoder_layer_23."
    parts = ("ln_1", "self_attention.out_proj", "ln_2", "mlp.0", "mlp.3")
    expected = {block + f"{part}.{kind}" for part in parts for kind in ("weight", "bias")}
    expected |= {block + f"self_attention.in_proj_{kind}" for kind in ("weight", "bias")}
    with torch.device("meta"):
        state = Vit(LARGE).state_dict()
    assert {name for name in state if name.startswith(block)} == expected
    assert tuple(state["encoder.pos_embedding"].shape) == (1, 197, 1024)
    assert len(state) == 24 * 12 + 6
    assert recognises(state)
    assert not recognises(["encoder.pos_embedding", "cls_token"])


def test_weights_go_in_and_come_out_under_the_same_names():
    state = tensors()
    found = encoder_of(LITTLE, state, PICTURE).network.state_dict()
    assert list(found) == list(state)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    assert all(found[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())


def test_files_older_than_torchvision_0_12_and_classifiers_are_understood():
    state = tensors()
    old = {name.replace(".mlp.0.", ".mlp.linear_1."): name for name in state}
    old = {name.replace(".mlp.3.", ".mlp.linear_2."): new for name, new in old.items()}
    assert "encoder.layers.encoder_layer_0.mlp.linear_2.bias" in old
    assert bare_names([*old, "heads.head.weight", "heads.head.bias"]) == old


@pytest.mark.parametrize(
    ("asked", "width"),
    [  # of the SimCLR note
        ({"last_k": 4}, 4096),
        ({"last_k": 4, "pooling": "cls_mean"}, 8192),
        ({"last_k": 4, "aggregation": "mean"}, 1024),
        ({"last_k": 3, "aggregation": "mean"}, 1024),
        ({"last_k": 2, "pooling": "cls_mean"}, 4096),
        ({"layers": (6,)}, 1024),
        ({"level": "cls"}, 1024),
    ],
)
def test_vit_l_16_gives_the_dimensions_of_the_simclr_note(asked: dict, width: int):
    level = asked.pop("level", "chip" if "pooling" in asked else "mean")
    layout = layout_of(LARGE, replace(PICTURE, size_px=224))
    assert resolve(Extraction(level=level, **asked), layout, name="a test").shape == (width,)


def test_a_layer_in_the_middle_is_pooled_before_the_norm_as_in_the_simclr_note():
    encoder = little()
    pixels = (numbers((2, 3, 32, 32), 1) * 40 + 128).clamp(0, 255).to(torch.uint8)
    asked = Extraction(layers=(0, 1), l2=True)
    found = extract(encoder, pixels, encoder.metadata([]), resolve(asked, encoder.layout, name="a"))
    layers = encoder.network(encoder.input(pixels), (0, 1), after_norm=False)
    expected = torch.cat([x[:, 1:].mean(dim=1) for x in layers], dim=1)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)  # of vectors 1 long


def test_the_layout_says_what_comes_out():
    layer = Layer("encoder.layers.encoder_layer_1", 16, (4, 4))
    expected = Layout((layer,), groups=1, has_cls=True, has_final_norm=True)
    layout = layout_of(LITTLE, PICTURE)
    assert replace(layout, layers=layout.layers[1:2]) == expected
    assert len(layout.layers) == 3
    assert little().layout == layout


def test_places_are_not_asked_for():
    assert little().metadata([Place(None, None, None)] * 3).shape == (3, 0)


def test_a_config_comes_back_from_json():
    assert VitConfig.from_json(LITTLE.to_json()) == LITTLE


def test_networks_in_half_precision_give_nearly_the_same():
    encoder = little()
    pixels = (numbers((2, 3, 32, 32), 1) * 40 + 128).clamp(0, 255).to(torch.uint8)
    (expected,) = encoder(pixels, encoder.metadata([]), (2,), after_norm=True)
    (found,) = encoder.bfloat16()(pixels, encoder.metadata([]), (2,), after_norm=True)
    torch.testing.assert_close(found.cls.float(), expected.cls, rtol=0, atol=0.1)  # unit variance


@pytest.mark.skipif(not can_pack("fp32"), reason="torch was built without oneDNN")
def test_the_fast_layers_of_the_cpu_stand_in_for_all_linear_ones():
    encoder, pixels = little(), torch.arange(2 * 3 * 32 * 32).reshape(2, 3, 32, 32) % 256
    (expected,) = encoder(pixels, encoder.metadata([]), (2,), after_norm=True)
    (found,) = quicken(encoder, "fp32")(pixels, encoder.metadata([]), (2,), after_norm=True)
    assert not [name for name, part in encoder.named_modules() if isinstance(part, nn.Linear)]
    torch.testing.assert_close(found.cls, expected.cls, rtol=0, atol=ATOL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 3}, "3 heads do not divide a width of 16"),
        ({"patch_size": 5}, "patch_size 5 does not divide image_size 32"),
        ({"depth": 0}, "depth must be 1 or more, got 0"),
        ({"dropout": 0.1}, "not a config of a vision transformer: .*'dropout'"),
    ],
)
def test_impossible_configs_are_refused(change: dict, message: str):
    with pytest.raises(InvalidValueError, match=message):
        VitConfig.from_json(LITTLE.to_json() | change)


def test_impossible_files_are_refused():
    state = tensors()
    place, block = "encoder.pos_embedding", "encoder.layers.encoder_layer_0.mlp.0.weight"
    for change, heads, message in (
        ({}, None, r"a.pth is 16 wide and 3 deep, .* pass heads=\(heads, heads\)"),
        ({}, (3, 0), "a.pth is no vision transformer: 3 heads do not divide a width of 16"),
        ({place: torch.zeros(1, 16, 16)}, (2, 0), f"{place} has 16 places, which is no square and"),
        ({place: torch.zeros(17)}, (2, 0), rf"{place} has the impossible shape \(17,\)"),
        ({"conv_proj.weight": torch.zeros(16, 7, 8, 8)}, (2, 0), "takes pictures of 7 bands; vis"),
        ({block: None}, (2, 0), f"a.pth lacks the tensor {block}"),
    ):
        found = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
        with pytest.raises(CheckpointError, match=message):
            found_config(found, heads)


def test_chips_without_colours_are_refused_before_any_weights_are_needed():
    kind = ChipKind(("vh", "vv"), 32, 10.0)
    with pytest.raises(InvalidValueError, match=r"B04 B03 B02 .* the chips have vh vv"):
        layout_of(LARGE, kind)
