"""Models known by name: what each takes, what it gives, where it is from, and its traps."""

from dataclasses import dataclass

from clay_assets.bands import BAND_NAMES, BANDS, SENTINEL2_BANDS
from clay_assets.errors import ClayAssetsError, NotFoundError
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.config import SIZES, ClayV0Config
from clay_assets.models.families import NetworkConfig, family_with, layout_of
from clay_assets.models.picture_input import IMAGENET_MEAN, IMAGENET_STD, PICTURE_BANDS
from clay_assets.models.platforms import PLATFORMS, SENTINEL2
from clay_assets.models.resnet import ResnetConfig
from clay_assets.models.token_encoder import ChipKind, Layout
from clay_assets.models.triplet import CLASS_BAND, TripletConfig
from clay_assets.models.vit import VitConfig

Statistics = dict[str, tuple[float, float]]
"""Mean and standard deviation by band."""

_CLAY = "https://github.com/Clay-foundation/model"
_TORCHVISION = "https://pytorch.org/vision/stable/models/generated/torchvision.models"
_COLLAPSED_MEANS = 0.9999
_COLLAPSED_TRIPLETS = 0.9


@dataclass(frozen=True)
class ModelCard:
    """One model whose weights somebody published."""

    name: str
    """As products and commands name it."""
    title: str
    """As people call it."""
    config: NetworkConfig
    """Sizes of its network, of its family's class."""
    kind: ChipKind
    """Chips it was trained on: bands, side, ground distance."""
    statistics: Statistics
    """Of its training set, by the bands of `kind` that it normalises; empty where it does not."""
    unit: str
    """Of its statistics."""
    licence: str
    """Of its weights, as their authors say; an empty one is told as such."""
    source: str
    """URL of a page about it."""
    notes: tuple[str, ...]
    """What surprises; one sentence each."""
    collapse_cosine: float
    """Mean cosine of all pairs of a tile's vectors above which they count as all the same."""
    is_lightning: bool
    """Whether its authors saved it as a Lightning file."""

    @property
    def family(self) -> str:
        """Name of its family."""
        return family_with(self.config).name

    @property
    def layout(self) -> Layout:
        """Layers that can be taken for chips of `kind`."""
        return layout_of(self.config, self.kind)

    @property
    def dimensions(self) -> int:
        """Numbers in a vector of its output."""
        return self.layout.layers[-1].width


def _clay_v0(name: str, title: str, patch_size: int, image_size: int, *notes: str) -> ModelCard:
    return ModelCard(
        name=name,
        title=title,
        config=ClayV0Config(*SIZES["small"], image_size, patch_size),
        kind=ChipKind(BAND_NAMES, image_size, 10.0),
        statistics={band.name: (band.mean, band.std) for band in BANDS},
        unit="DN of Sentinel-2 L2A as delivered, linear gamma0, metres",
        licence="OpenRAIL-M (its code is Apache-2.0)",
        source=_CLAY,
        notes=(
            "vh comes before vv in its chips.",
            "The reference averages 1536 tokens of six band groups, without place and date.",
            "Digital numbers keep the offset of processing baseline 04.00 and later.",
            *notes,
        ),
        collapse_cosine=_COLLAPSED_MEANS,
        is_lightning=True,
    )


def _clay_v1(name: str, title: str, size: str, licence: str, *notes: str) -> ModelCard:
    rows = {band.in_chips: (band.mean, band.std) for band in PLATFORMS[SENTINEL2].bands}
    return ModelCard(
        name=name,
        title=title,
        config=ClayV1Config(*SIZES_V1[size], norm_pix_loss=size.endswith("v1.0")),
        kind=ChipKind(SENTINEL2_BANDS, 256, 10.0),
        statistics=rows,
        unit="DN of Sentinel-2 L2A; other platforms have statistics of their own",
        licence=licence,
        source=_CLAY,
        notes=(
            "It takes any bands of a known platform: it makes its patch embedding from their "
            "wavelengths.",
            "Its class token, 1 a chip, is the embedding its authors use.",
            *notes,
        ),
        collapse_cosine=_COLLAPSED_MEANS,
        is_lightning=True,
    )


def _pictures(
    name: str,
    title: str,
    config: VitConfig | ResnetConfig,
    licence: str,
    source: str,
    *notes: str,
    is_lightning: bool = False,
) -> ModelCard:
    statistics = zip(PICTURE_BANDS, IMAGENET_MEAN, IMAGENET_STD, strict=True)
    return ModelCard(
        name=name,
        title=title,
        config=config,
        kind=ChipKind(PICTURE_BANDS, config.image_size, 0.0),
        statistics={band: (mean, std) for band, mean, std in statistics},
        unit="brightness from 0 to 1",
        licence=licence,
        source=source,
        notes=("Pictures of another size are resized; their shape is not kept.", *notes),
        collapse_cosine=_COLLAPSED_MEANS,
        is_lightning=is_lightning,
    )


_VIT_B = VitConfig(224, 16, 768, 12, 12, 3072)
_VIT_L = VitConfig(224, 16, 1024, 24, 16, 4096)
_UNSTATED = "none stated for the weights (torchvision's code is BSD-3-Clause)"
_BEFORE_NORM = (
    "Layers are taken before the final norm unless asked otherwise, so the last layer is not the "
    "output."
)

CARDS: dict[str, ModelCard] = {
    card.name: card
    for card in (
        _clay_v0(
            "clay-v0.1",
            "Clay v0.1, small",
            32,
            512,
            "v0.0.1 rounded pixels and encodings to float16; import with the option "
            "float16_encodings to have the same.",
        ),
        _clay_v0("clay-v0.2", "Clay v0.2, small", 16, 256),
        _clay_v1(
            "clay-v1.0",
            "Clay v1.0, base",
            "base-v1.0",
            "none known; its weights were withdrawn",
            "Its Sentinel-1 is in linear power, as Clay v0's, not in decibel as v1.5's.",
        ),
        _clay_v1(
            "clay-v1.5",
            "Clay v1.5, large",
            "large",
            "Apache-2.0",
            "Sentinel-1 is taken in decibel, unlike by Clay v0 and v1.0.",
        ),
        _pictures(
            "vit-b-16-imagenet",
            "ViT-B/16, ImageNet (torchvision IMAGENET1K_V1)",
            _VIT_B,
            _UNSTATED,
            f"{_TORCHVISION}.vit_b_16.html",
            _BEFORE_NORM,
            "SWAG weights have other sides than 224 and a licence of their own.",
        ),
        _pictures(
            "vit-l-16-imagenet",
            "ViT-L/16, ImageNet (torchvision IMAGENET1K_V1)",
            _VIT_L,
            _UNSTATED,
            f"{_TORCHVISION}.vit_l_16.html",
            _BEFORE_NORM,
            "SWAG weights have other sides than 224 and a licence of their own.",
        ),
        _pictures(
            "resnet-50-imagenet",
            "ResNet-50, ImageNet (torchvision)",
            ResnetConfig(True, (3, 4, 6, 3)),
            _UNSTATED,
            f"{_TORCHVISION}.resnet50.html",
            "It has no class token and no final norm; its layers are its four stages.",
        ),
        _pictures(
            "simclr-vit-l-16",
            "SimCLR over ViT-L/16",
            _VIT_L,
            "none",
            "https://arxiv.org/abs/2002.05709",
            _BEFORE_NORM,
            "Its vectors are usually the last 4 layers, mean of patches, concatenated: 4096 "
            "numbers, 1 long.",
            "Prediction normalises as ImageNet does, whatever its training configuration says.",
            is_lightning=True,
        ),
        ModelCard(
            name="vectorgeo-triplet",
            title="VectorGeo's triplet network over land cover",
            config=TripletConfig(23, 64, 64, 16),
            kind=ChipKind((CLASS_BAND,), 32, 100.0),
            statistics={},
            unit="class codes of Copernicus Global Land Cover, 100 m",
            licence="none published; the weights must not be passed on",
            source="https://github.com/ckrapu/vectorgeo",
            notes=(
                "Vectors are not 1 long unless it is imported with the option normalize, as "
                "VectorGeo does since autumn 2023.",
                "Only the first stage has residual blocks; the others are bare convolutions.",
                "A barely trained one was published beside it, whose vectors are all but the same.",
            ),
            collapse_cosine=_COLLAPSED_TRIPLETS,
            is_lightning=False,
        ),
    )
}
"""By name."""


def card_named(name: str) -> ModelCard:
    """The card of a model.

    >>> card_named("clay-v1.5").dimensions
    1024

    Raises:
        NotFoundError: there is none.
    """
    if name not in CARDS:
        raise NotFoundError(f"model must be one of {', '.join(CARDS)}, got {name!r}")
    return CARDS[name]


def cards_of(family: str) -> tuple[ModelCard, ...]:
    """Cards of a family's models."""
    return tuple(card for card in CARDS.values() if card.family == family)


def card_like(config: NetworkConfig, *, is_lightning: bool) -> ModelCard | None:
    """The model that a network of this config is, as far as its sizes tell; None for none.

    Args:
        config: of the network.
        is_lightning: whether its file was Lightning's, which tells two models of one size apart.
    """
    family = family_with(config)
    alike = [
        card
        for card in cards_of(family.name)
        if _without(family.options, card.config) == _without(family.options, config)
    ]
    same = [card for card in alike if card.is_lightning == is_lightning]
    found = same or alike
    return found[0] if len(found) == 1 else None


def dimensions_of(config: NetworkConfig) -> int | None:
    """Numbers in a vector of a network's output, None where no card has chips that suit it."""
    for card in cards_of(family_with(config).name):
        try:
            return layout_of(config, card.kind).layers[-1].width
        except ClayAssetsError:
            continue
    return None


def _without(options: tuple[str, ...], config: NetworkConfig) -> dict[str, object]:
    """Values of a config but for those that are chosen on import."""
    return {key: value for key, value in config.to_json().items() if key not in options}
