"""What is taken from an encoder, against the same taken by hand."""

import numpy as np
import pytest
import torch

from clay_assets.embeddings.extraction import Extraction, embedding_shape, extract, resolve
from clay_assets.errors import ProductError
from clay_assets.models.token_encoder import ChipKind, Layer, Layout, TokenEncoder, Tokens


def layout_of(widths, grids, *, groups=1, has_cls=False, has_final_norm=False):
    pairs = zip(widths, grids, strict=True)
    layers = tuple(Layer(f"layer{n}", width, grid) for n, (width, grid) in enumerate(pairs, 1))
    return Layout(layers, groups, has_cls, has_final_norm)


VIT_L = layout_of([1024] * 24, [(14, 14)] * 24, has_cls=True, has_final_norm=True)
CLAY_V0 = layout_of([768] * 12, [(16, 16)] * 12, groups=6, has_final_norm=True)
RESNET = layout_of([256, 512, 1024, 2048], [(56, 56), (28, 28), (14, 14), (7, 7)])
TRIPLET = layout_of([64, 64, 64, 64, 16], [(16, 16), (8, 8), (4, 4), (1, 1), (1, 1)])


class Numbered(TokenEncoder):
    """Gives tokens that are drawn by layer and norm, so that each can be told from the others."""

    def __init__(self, layout):
        super().__init__()
        self.kind = ChipKind(("B02",), 1, 10.0)
        self.layout = layout

    def metadata(self, places):
        return torch.zeros(len(places), 0)

    def tokens(self, batch, index, *, after_norm):
        layer = self.layout.layers[index]
        rng = torch.Generator().manual_seed(2 * index + after_norm)
        shape = (batch, self.layout.groups, *layer.grid, layer.width)
        cls = torch.randn(batch, layer.width, generator=rng) if self.layout.has_cls else None
        return Tokens(torch.randn(*shape, generator=rng), cls)

    def forward(self, pixels, metadata, layers, *, after_norm):
        return [self.tokens(len(pixels), index, after_norm=after_norm) for index in layers]


def taken(layout, **declared):
    encoder = Numbered(layout)
    resolved = resolve(Extraction(**declared), layout, name="product x")
    vectors = extract(encoder, torch.zeros(2, 1, 1, 1), torch.zeros(2, 0), resolved)
    assert tuple(vectors.shape) == (2, *resolved.shape)
    assert vectors.dtype == torch.float32
    return vectors.numpy()


def by_hand(layout, index, *, after_norm):
    tokens = Numbered(layout).tokens(2, index, after_norm=after_norm)
    return tokens.patches.numpy(), None if tokens.cls is None else tokens.cls.numpy()


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
def test_every_family_gives_the_shape_that_is_announced(layout, declared, shape):
    assert embedding_shape(Extraction(**declared), layout) == shape
    assert taken(layout, **declared).shape == (2, *shape)


def test_the_output_is_after_the_norm_and_a_named_layer_before_it():
    output, _ = by_hand(CLAY_V0, 11, after_norm=True)
    hooked, _ = by_hand(CLAY_V0, 11, after_norm=False)
    np.testing.assert_array_equal(taken(CLAY_V0, level="group"), output)
    np.testing.assert_array_equal(taken(CLAY_V0, level="group", layers=(-1,)), hooked)
    np.testing.assert_array_equal(taken(CLAY_V0, level="group", norm="before"), hooked)
    np.testing.assert_array_equal(taken(CLAY_V0, level="group", layers=(11,), norm="after"), output)


def test_levels_keep_what_they_say():
    patches, _ = by_hand(CLAY_V0, 11, after_norm=True)
    mean = patches.reshape(2, -1, 768).mean(axis=1)  # over all groups and patches
    np.testing.assert_allclose(taken(CLAY_V0), mean, rtol=0, atol=1e-6)
    patch = patches.mean(axis=1)
    np.testing.assert_allclose(taken(CLAY_V0, level="patch"), patch, rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "cls_mean"])
def test_poolings_of_several_layers_stand_one_after_the_other(pooling):
    parts = []
    for index in (2, 22, 23):
        patches, cls = by_hand(VIT_L, index, after_norm=False)
        flat = patches.reshape(2, -1, 1024)
        parts += {
            "mean": [flat.mean(axis=1)],
            "max": [flat.max(axis=1)],
            "cls": [cls],
            "cls_mean": [cls, flat.mean(axis=1)],
        }[pooling]
    found = taken(VIT_L, level="chip", pooling=pooling, layers=(2, -2, -1))
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), rtol=0, atol=1e-6)


def test_the_mean_over_layers_is_elementwise_and_length_one_comes_last():
    clss = [by_hand(VIT_L, index, after_norm=False)[1] for index in (21, 22, 23)]
    mean = np.mean(clss, axis=0)
    found = taken(VIT_L, level="cls", last_k=3, aggregation="mean", l2=True)
    units = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(found, units, rtol=0, atol=1e-6)
    whole = taken(VIT_L, level="cls", last_k=3, l2=True)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)  # over all layers


def test_length_one_is_that_of_each_patch():
    found = taken(RESNET, level="patch", l2=True)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.ones((2, 7, 7)), atol=1e-6)


def test_one_token_is_its_own_mean():
    patches, _ = by_hand(TRIPLET, 4, after_norm=False)
    np.testing.assert_array_equal(taken(TRIPLET), patches.reshape(2, 16))


def test_vectors_are_float32_whatever_the_tokens_are():
    class Half(Numbered):
        def forward(self, pixels, metadata, layers, *, after_norm):
            found = super().forward(pixels, metadata, layers, after_norm=after_norm)
            return [Tokens(t.patches.bfloat16(), t.cls.bfloat16()) for t in found]

    for pooling in ("mean", "max", "cls", "cls_mean"):
        resolved = resolve(Extraction("chip", pooling=pooling), VIT_L, name="x")
        vectors = extract(Half(VIT_L), torch.zeros(1, 1, 1, 1), torch.zeros(1, 0), resolved)
        assert vectors.dtype == torch.float32


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
        (TRIPLET, {"level": "patch"}, "patch needs several tokens, and layer layer5 gives one vec"),
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
