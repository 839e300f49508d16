"""What is taken from an encoder, against the same taken by hand from hooks on its network."""

from functools import cache

import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.embeddings.extraction import Extraction, embedding_shape, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.errors import ProductError
from clay_assets.models import ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.models.cards import card_named
from clay_assets.models.clay_v1_config import ClayV1Config
from clay_assets.models.families import encoder_of, family_with
from clay_assets.models.resnet import ResnetConfig
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets.models.triplet import TripletConfig
from clay_assets.models.vit import VitConfig
from clay_assets_tests.models.seeded import numbers, weights

VIT_L = card_named("vit-l-16-imagenet").layout
CLAY_V0 = card_named("clay-v0.1").layout
RESNET = card_named("resnet-50-imagenet").layout
TRIPLET = card_named("vectorgeo-triplet").layout

SIZE = TransformerSize(16, 3, 2, 8, 2)
PICTURES = ("red", "green", "blue")
LITTLE = {  # a small network of each family, chips it takes, and the norm after its last block
    "clay_v0": (
        ClayV0Config(SIZE, SIZE, image_size=64),
        ChipKind(BAND_NAMES, 64, 10.0),
        "transformer.norm",
    ),
    "clay_v1": (ClayV1Config(SIZE, SIZE), ChipKind(SENTINEL2_BANDS, 32, 10.0), "transformer.norm"),
    "vit": (VitConfig(32, 8, 16, 3, 2, 32), ChipKind(PICTURES, 32, 0.0), "encoder.ln"),
    "resnet": (ResnetConfig(False, (1, 1, 1, 1)), ChipKind(PICTURES, 64, 0.0), None),
    "triplet": (
        TripletConfig(23, 4, 6, 3, image_size=8, stages=1),
        ChipKind(("land_cover",), 8, 100.0),
        None,
    ),
}
ATOL = 1e-6  # of tokens of about unit variance
RTOL = 1e-5  # of those of ResNets, which grow from stage to stage
PLACES = [Place(5.1, 60.2, "2023-06-12"), Place(-70.0, -20.0, "2021-01-01")]


@cache
def little(family):
    """An encoder, and a batch that it takes."""
    config, kind, _ = LITTLE[family]
    with torch.device("meta"):
        state = family_with(config).network(config).state_dict()
    shape = (2, len(kind.bands), kind.size_px, kind.size_px)
    pixels = 1500 + 500 * numbers(shape, 99)
    if kind.bands == PICTURES:
        pixels = pixels.clamp(0, 2550).div(10).to(torch.uint8)
    if family == "triplet":
        pixels = torch.tensor([20, 30, 40, 50], dtype=torch.uint8)[(pixels > 1500).long()]
    return encoder_of(make_checkpoint(config, weights(state), {}), kind), pixels


def taken(family, **declared):
    encoder, pixels = little(family)
    resolved = resolve(Extraction(**declared), encoder.layout, name="product x")
    with torch.inference_mode():
        vectors = extract(encoder, pixels, encoder.metadata(PLACES), resolved)
    assert tuple(vectors.shape) == (2, *resolved.shape)
    assert vectors.dtype == torch.float32
    return vectors.numpy()


@cache
def hooked(family):
    """What each layer's module gives, and the same after the last norm, in the network's shapes."""
    encoder, pixels = little(family)
    modules, found = dict(encoder.named_modules()), {}
    names = [".".join(layer.name.split(".")[-2:]) for layer in encoder.layout.layers]
    for index, name in enumerate(names):

        def keep(_module, _inputs, output, index=index):
            found[index] = output

        _ending(modules, name).register_forward_hook(keep)
    last = (len(names) - 1,)
    with torch.inference_mode():
        encoder(pixels, encoder.metadata(PLACES), last, after_norm=encoder.layout.has_final_norm)
        norm = LITTLE[family][2]
        after = {} if norm is None else {i: _ending(modules, norm)(x) for i, x in found.items()}
    return found, after


def _ending(modules, name):
    return next(module for path, module in modules.items() if path.endswith(name))


def by_hand(family, index, *, after_norm=False):
    """(2, G, rows, columns, D) patches and (2, D) class tokens of one layer."""
    layout = little(family)[0].layout
    output = hooked(family)[after_norm][index]
    shape = (2, layout.groups, *layout.layers[index].grid, layout.layers[index].width)
    if family == "resnet":
        return output.permute(0, 2, 3, 1).reshape(shape).numpy(), None
    if family == "triplet":
        return output.reshape(shape).numpy(), None
    if family == "clay_v0":  # place and date come last
        return output[:, :-2].reshape(shape).numpy(), None
    return output[:, 1:].reshape(shape).numpy(), output[:, 0].numpy()


@pytest.mark.parametrize(
    ("declared", "width"),
    [  # the note on ViT-L/16 layers: k, pooling, aggregation
        ({"last_k": 4, "level": "mean"}, 4096),
        ({"last_k": 4, "level": "chip", "pooling": "cls_mean"}, 8192),
        ({"last_k": 4, "level": "mean", "aggregation": "mean"}, 1024),
        ({"last_k": 3, "level": "mean", "aggregation": "mean"}, 1024),
        ({"last_k": 2, "level": "chip", "pooling": "cls_mean"}, 4096),
        ({"layers": (6,), "level": "mean"}, 1024),
    ],
)
def test_widths_are_those_of_the_note(declared, width):
    assert embedding_shape(Extraction(**declared), VIT_L) == (width,)


@pytest.mark.parametrize(
    ("layout", "declared", "shape"),
    [
        (CLAY_V0, {"level": "mean"}, (768,)),
        (CLAY_V0, {"level": "patch"}, (16, 16, 768)),
        (CLAY_V0, {"level": "group"}, (6, 16, 16, 768)),
        (CLAY_V0, {"level": "group", "last_k": 2}, (6, 16, 16, 1536)),
        (RESNET, {"level": "mean"}, (2048,)),
        (RESNET, {"level": "patch", "layers": (-2,)}, (14, 14, 1024)),
        (RESNET, {"level": "chip", "pooling": "max", "last_k": 2}, (3072,)),
        (TRIPLET, {"level": "mean"}, (16,)),
        (TRIPLET, {"level": "mean", "layers": (-2,)}, (64,)),
        (VIT_L, {"level": "cls"}, (1024,)),
    ],
)
def test_every_family_has_its_shapes(layout, declared, shape):
    assert embedding_shape(Extraction(**declared), layout) == shape


@pytest.mark.parametrize("family", ["clay_v0", "clay_v1", "vit"])
def test_the_output_is_after_the_norm_and_a_named_layer_before_it(family):
    output, before = by_hand(family, 2, after_norm=True)[0], by_hand(family, 2)[0]
    for declared, wanted in (
        ({}, output),
        ({"layers": (-1,)}, before),
        ({"norm": "before"}, before),
        ({"layers": (2,), "norm": "after"}, output),
    ):
        found = taken(family, level="patch", **declared)
        np.testing.assert_allclose(found, wanted.mean(axis=1), rtol=RTOL, atol=ATOL)
    earlier = by_hand(family, 0, after_norm=True)[0]
    found = taken(family, level="patch", layers=(0,), norm="after")
    np.testing.assert_allclose(found, earlier.mean(axis=1), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("family", LITTLE)
def test_the_mean_of_every_family_is_that_of_its_last_tokens(family):
    has_norm = little(family)[0].layout.has_final_norm
    patches, _ = by_hand(family, len(little(family)[0].layout.layers) - 1, after_norm=has_norm)
    mean = patches.reshape(2, -1, patches.shape[-1]).mean(axis=1)  # over all groups and patches
    np.testing.assert_allclose(taken(family), mean, rtol=RTOL, atol=ATOL)


def test_groups_are_kept_or_averaged():
    patches, _ = by_hand("clay_v0", 2, after_norm=True)
    np.testing.assert_allclose(taken("clay_v0", level="group"), patches, rtol=RTOL, atol=ATOL)
    mean = patches.mean(axis=1)
    np.testing.assert_allclose(taken("clay_v0", level="patch"), mean, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("family", ["clay_v0", "clay_v1", "vit", "resnet"])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "cls_mean"])
def test_poolings_of_several_layers_stand_one_after_the_other(family, pooling):
    if "cls" in pooling and not little(family)[0].layout.has_cls:
        with pytest.raises(ProductError, match="needs a class token, and this network has none"):
            taken(family, level="chip", pooling=pooling)
        return
    parts = []
    for index in (0, len(little(family)[0].layout.layers) - 1):
        patches, cls = by_hand(family, index)
        flat = patches.reshape(2, -1, patches.shape[-1])
        parts += {
            "mean": [flat.mean(axis=1)],
            "max": [flat.max(axis=1)],
            "cls": [cls],
            "cls_mean": [cls, flat.mean(axis=1)],
        }[pooling]
    found = taken(family, level="chip", pooling=pooling, layers=(0, -1))
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("family", ["clay_v1", "vit"])
def test_the_mean_over_layers_is_elementwise_and_length_one_comes_last(family):
    clss = [by_hand(family, index)[1] for index in (1, 2)]
    mean = np.mean(clss, axis=0)
    found = taken(family, level="cls", last_k=2, aggregation="mean", l2=True)
    units = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(found, units, rtol=RTOL, atol=ATOL)
    whole = np.concatenate(clss, axis=1)  # its length is 1 over all layers
    units = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    found = taken(family, level="cls", last_k=2, l2=True)
    np.testing.assert_allclose(found, units, rtol=RTOL, atol=ATOL)


def test_length_one_is_that_of_each_patch():
    found = taken("clay_v0", level="group", l2=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.ones((2, 6, 2, 2)), atol=ATOL)


def test_one_token_is_its_own_mean():
    patches, _ = by_hand("triplet", 2)
    np.testing.assert_allclose(taken("triplet"), patches.reshape(2, 3), rtol=RTOL, atol=ATOL)
    last = little("triplet")[0].network.output_layer
    with torch.inference_mode():
        output = last(torch.from_numpy(taken("triplet", layers=(1,)))).numpy()
    np.testing.assert_allclose(taken("triplet"), output, rtol=RTOL, atol=ATOL)


def test_vectors_are_float32_whatever_the_tokens_are():
    encoder, pixels = little("vit")
    for pooling in ("mean", "max", "cls", "cls_mean"):
        resolved = resolve(Extraction("chip", pooling=pooling), encoder.layout, name="x")
        half = encoder.to(torch.bfloat16)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            vectors = extract(half, pixels, half.metadata(PLACES), resolved)
        assert vectors.dtype == torch.float32
    little.cache_clear()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"level": "token"}, "level must be one of mean, cls, chip, patch, group, got 'token'"),
        ({"norm": "between"}, "norm must be one of before, after, got 'between'"),
        ({"level": "chip", "pooling": "sum"}, "pooling must be one of mean, max, .* got 'sum'"),
        ({"aggregation": "sum"}, "aggregation must be one of concat, mean, got 'sum'"),
        ({"level": "chip"}, "level chip needs pooling, one of mean, max, cls, cls_mean, got none"),
        (
            {"level": "patch", "pooling": "max"},
            "pooling max goes with level chip only, got .*patch",
        ),
        ({"layers": (1, 2), "last_k": 2}, r"layers \[1, 2\] and last_k 2 exclude each other"),
        ({"last_k": 0}, "last_k must be 1 or more layers, got 0"),
        ({"layers": (6,), "aggregation": "mean"}, "aggregation mean needs several layers, got one"),
        ({"last_k": 1, "aggregation": "mean"}, "aggregation mean needs several layers, got one"),
    ],
)
def test_what_contradicts_itself_is_refused(declared, message):
    with pytest.raises(ProductError, match=message):
        Extraction(**declared)


@pytest.mark.parametrize(
    ("layout", "declared", "message"),
    [
        (VIT_L, {"layers": (24,)}, "layer 24 is out of range; allowed are 0 to 23, or -24 to -1"),
        (VIT_L, {"layers": (-25,)}, "layer -25 is out of range; allowed are 0 to 23"),
        (VIT_L, {"last_k": 25}, "last_k 25 asks for more layers than there are; .* 1 to 24"),
        (VIT_L, {"layers": (-1, 2)}, r"got \[-1, 2\]; write \[2, 23\]"),
        (VIT_L, {"layers": (23, -1)}, r"named once each, .* got \[23, -1\]; write \[23\]"),
        (VIT_L, {"level": "group"}, "level group needs tokens of several band groups.*level patch"),
        (CLAY_V0, {"level": "cls"}, "cls needs a class token, and this network has none"),
        (RESNET, {"level": "chip", "pooling": "cls_mean"}, "cls_mean needs a class token"),
        (RESNET, {"norm": "after"}, "norm after asks for the final norm, and this network has non"),
        (TRIPLET, {"norm": "before"}, "norm before asks for the final norm"),
        (RESNET, {"last_k": 2, "aggregation": "mean"}, "got layer3 1024, layer4 2048; use concat"),
        (RESNET, {"level": "patch", "last_k": 2}, "got layer3 14x14, layer4 7x7; use level mean"),
        (TRIPLET, {"level": "patch"}, "patch needs several tokens, and layer output_layer gives"),
        (TRIPLET, {"level": "chip", "pooling": "max"}, "max needs several tokens, and layer"),
    ],
)
def test_what_a_network_cannot_give_is_refused(layout, declared, message):
    with pytest.raises(ProductError, match=f"product x: .*{message}"):
        resolve(Extraction(**declared), layout, name="product x")


def test_an_extraction_is_kept_as_json_without_defaults():
    assert Extraction().to_json() == {"level": "mean"}
    declared = Extraction("chip", (2, -1), None, "after", "max", "mean", True)
    assert Extraction.from_json(declared.to_json()) == declared
    with pytest.raises(ProductError, match=r"not what is taken from an encoder: .*flavour"):
        Extraction.from_json({"level": "mean", "flavour": "new"})
