"""ResNets with the tensor names of torchvision: ResNet-50 and its kin.

SimCLR checkpoints hold one as a Sequential of its parts, whose tensors are named by number; see
`bare_names` and `sequential_names`. The classifier is left out.

Source:
    He et al. 2015, arXiv:1512.03385; names, order and the place of the stride as in torchvision
    0.29 (BSD-3-Clause), with which the outputs of every stage were compared.
"""

# B batch, H W picture or grid in pixels, D width of a stage

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.picture_input import picture_input
from clay_assets.models.shapes import count, length
from clay_assets.models.token_encoder import ChipKind, Layer, Layout, Place, TokenEncoder, Tokens

SIZES: dict[str, tuple[bool, tuple[int, ...]]] = {
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet50": (True, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
    "resnet152": (True, (3, 8, 36, 3)),
}
"""Whether blocks have a bottleneck, and blocks of each stage, of the published sizes."""

STEM_WIDTH = 64
"""Width of the first convolution in the published sizes."""
IMAGE_SIZE = 224
"""Side of the pictures that they were trained on, in pixels."""

_BANDS = 3
_STAGES = ("layer1", "layer2", "layer3", "layer4")
_CHILDREN = ("conv1", "bn1", "relu", "maxpool", *_STAGES, "avgpool")
"""Parts of the network in the order that numbers them in a Sequential."""
_FAMILY = "a ResNet"


@dataclass(frozen=True)
class ResnetConfig:
    """Everything that decides the tensors of a ResNet and how they are used."""

    family: ClassVar[str] = "resnet"

    bottleneck: bool
    """Whether blocks narrow, convolve and widen fourfold (from ResNet-50 on)."""
    blocks: tuple[int, ...]
    """Blocks of the four stages."""
    stem_width: int = STEM_WIDTH
    """Width of the first convolution."""
    image_size: int = IMAGE_SIZE
    """Side that pictures are resized to, in pixels."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if len(self.blocks) != len(_STAGES) or min(self.blocks) < 1:
            raise InvalidValueError(
                f"blocks must be {len(_STAGES)} numbers from 1 on, got {list(self.blocks)}"
            )
        for name in ("stem_width", "image_size"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} must be 1 or more, got {getattr(self, name)}")

    @property
    def size_name(self) -> str | None:
        """Name as torchvision has it, such as resnet50; None for another size."""
        if self.stem_width != STEM_WIDTH:
            return None
        size = (self.bottleneck, self.blocks)
        return next((name for name, known in SIZES.items() if known == size), None)

    @property
    def widths(self) -> tuple[int, ...]:
        """D of each stage."""
        factor = Bottleneck.widening if self.bottleneck else Basic.widening
        return tuple(self.stem_width * 2**stage * factor for stage in range(len(_STAGES)))

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self) | {"blocks": list(self.blocks)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ResnetConfig":
        """The config that `to_json` wrote.

        Raises:
            InvalidValueError: a key is unknown or missing, or a value is not allowed.
        """
        try:
            return cls(**(values | {"blocks": tuple(values["blocks"])}))
        except (KeyError, TypeError) as error:
            raise InvalidValueError(f"not a config of a ResNet: {error}") from error


class Basic(nn.Module):
    """Two convolutions, added to what came in."""

    widening = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        """From `before` to `width` numbers a pixel."""
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _downsample(before, width * self.widening, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) to (B, D, H/stride, W/stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Narrow, convolve, widen; added to what came in."""

    widening = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        """From `before` to 4 * `width` numbers a pixel."""
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        # torchvision: the stride is here, not in conv1 as in the paper
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.widening, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.widening)
        self.downsample = _downsample(before, width * self.widening, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) to (B, D, H/stride, W/stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


def _downsample(before: int, after: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and before == after:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


class Resnet(nn.Module):
    """Pictures to the grids of four stages."""

    def __init__(self, config: ResnetConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv2d(_BANDS, config.stem_width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.stem_width)
        block = Bottleneck if config.bottleneck else Basic
        before = config.stem_width
        for index, (name, blocks) in enumerate(zip(_STAGES, config.blocks, strict=True)):
            width, after = config.stem_width * 2**index, config.widths[index]
            first = block(before, width, stride=1 if index == 0 else 2)
            rest = (block(after, width, stride=1) for _ in range(blocks - 1))
            self.add_module(name, nn.Sequential(first, *rest))
            before = after

    def forward(self, pictures: Tensor, layers: tuple[int, ...] = (3,)) -> list[Tensor]:
        """Grids after some stages; stages behind the last of them are not run.

        Args:
            pictures: (B, 3, H, W) normalised.
            layers: indices of stages, ascending.

        Returns:
            (B, D, rows, columns) each, in the order of `layers`.
        """
        x = functional.relu(self.bn1(self.conv1(pictures)))  # (B, 64, H/2, W/2)
        x = functional.max_pool2d(x, 3, 2, padding=1)  # (B, 64, H/4, W/4)
        found = []
        for index in range(layers[-1] + 1):
            x = self.get_submodule(_STAGES[index])(x)  # (B, D, H/8, W/8) and so on
            if index in layers:
                found.append(x)
        return found


class ResnetEncoder(TokenEncoder):
    """A ResNet in front of the embeddings."""

    def __init__(self, network: Resnet, kind: ChipKind) -> None:
        """For chips of a kind; errors are those of `layout_of`."""
        super().__init__()
        self.network = network
        self.kind = kind
        self.layout = layout_of(network.config, kind)
        self.input = picture_input(kind, network.config.image_size, family=_FAMILY)

    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, 0): it takes pixels only."""
        return torch.zeros(len(places), 0)

    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """As `TokenEncoder` says; there is no norm, so `after_norm` says nothing."""
        # Channels last is how tensor cores convolve; a CPU does not mind.
        pictures = self.input(pixels).to(
            self.network.conv1.weight.dtype, memory_format=torch.channels_last
        )
        return [
            Tokens(patches=x.permute(0, 2, 3, 1).unsqueeze(1), cls=None)  # (B, 1, rows, columns, D)
            for x in self.network(pictures, layers)
        ]


def layout_of(config: ResnetConfig, kind: ChipKind) -> Layout:
    """What can be taken from its stages for chips of a kind.

    Raises:
        InvalidValueError: the chips have no red, green and blue.
    """
    picture_input(kind, config.image_size, family=_FAMILY)
    side = -(-config.image_size // 2)  # each stride of 2 rounds up
    layers = []
    for name, width in zip(_STAGES, config.widths, strict=True):
        side = -(-side // 2)
        layers.append(Layer(name, width, (side, side)))
    return Layout(tuple(layers), groups=1, has_cls=False, has_final_norm=False)


def encoder_of(
    config: ResnetConfig, tensors: Mapping[str, Tensor], kind: ChipKind
) -> ResnetEncoder:
    """The encoder for chips of a kind, its weights those of `tensors`; errors as `layout_of`."""
    with torch.device("meta"):
        network = Resnet(config)
    network.load_state_dict(tensors, assign=True)
    return ResnetEncoder(network.requires_grad_(False), kind).eval()


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these names are a ResNet's, as torchvision or a Sequential names them."""
    own = {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer4.0.conv1.weight"}
    return own <= set(names) or set(sequential_names(own).values()) <= set(names)


def bare_names(names: Collection[str]) -> dict[str, str]:
    """Names in a file, without prefixes, and those in the network; the classifier is left out.

    >>> bare_names(["0.weight", "4.0.bn1.bias"])
    {'0.weight': 'conv1.weight', '4.0.bn1.bias': 'layer1.0.bn1.bias'}
    >>> bare_names(["conv1.weight", "fc.weight"])
    {'conv1.weight': 'conv1.weight'}
    """
    by_number = {str(number): child for number, child in enumerate(_CHILDREN)}
    found = {}
    for name in names:
        first, _, rest = name.partition(".")
        if first != "fc":
            found[name] = f"{by_number.get(first, first)}.{rest}"
    return found


def sequential_names(names: Collection[str]) -> dict[str, str]:
    """Names in the network, and those in a Sequential of its parts, as SimCLR has them.

    >>> sequential_names(["conv1.weight", "layer1.0.bn1.bias"])
    {'conv1.weight': '0.weight', 'layer1.0.bn1.bias': '4.0.bn1.bias'}
    """
    numbers = {child: number for number, child in enumerate(_CHILDREN)}
    parts = {name: name.partition(".") for name in names}
    return {name: f"{numbers[first]}.{rest}" for name, (first, _, rest) in parts.items()}


def config_of(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    *,
    heads: tuple[int, int] | None,
    name: str,
) -> ResnetConfig:
    """Config read from shapes.

    Args:
        tensors: named as in the network.
        parameters: hyper-parameters of the file; it needs none.
        heads: not used, a ResNet has no attention.
        name: the file, for messages.

    Raises:
        CheckpointError: a shape is impossible.
    """
    stem_width, bands = (length("conv1.weight", axis, tensors, name) for axis in (0, 1))
    if bands != _BANDS:
        raise CheckpointError(
            f"{name} takes pictures of {bands} bands; ResNets are supported with "
            "3: red, green, blue"
        )
    blocks = tuple(count(rf"{stage}\.(\d+)\.", tensors) for stage in _STAGES)
    try:
        return ResnetConfig("layer1.0.conv3.weight" in tensors, blocks, stem_width)
    except InvalidValueError as error:
        raise CheckpointError(f"{name} is no ResNet: {error}") from error
