"""VectorGeo's triplet network: windows of land cover to vectors of 16 numbers.

Three stages of convolution and pooling, then two blocks of dense layers. The residual blocks of
the convolution stand in the first stage only: in the original the later stages' have the same names
and replace them where they stand, so that the stages themselves are left bare.

Source:
    VectorGeo, whole-module pickles of 2 September 2023 (no licence; only facts are used): outputs
    of both are repeated to 3e-7.
"""

# B batch, K class planes, H W window size in pixels, F filters, D width of a vector

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import CheckpointError, ChipError, InvalidValueError
from clay_assets.models.shapes import count, length
from clay_assets.models.token_encoder import ChipKind, Layer, Layout, Place, TokenEncoder, Tokens

CLASS_CODES = (0, *range(20, 101, 10), *range(111, 117), *range(121, 127), 200)
"""Codes of Copernicus Global Land Service 100 m, discrete classification; one plane each."""
MISSING_CODE = 255
"""Code of pixels without a class; in no plane, like what lies beyond the window's edge."""
CLASS_BAND = "land_cover"
"""Band with the codes."""
DEM_BAND = "dem"
"""Band with the height above sea level in metres, for networks with a plane for it."""

_PLANES = (len(CLASS_CODES), len(CLASS_CODES) + 1)


@dataclass(frozen=True)
class TripletConfig:
    """Everything that decides the tensors of a triplet network and how they are used."""

    family: ClassVar[str] = "triplet"

    planes: int
    """23 class planes, or 24 with the height."""
    filters: int
    """Width of the convolutions."""
    dense_width: int
    """Width of the dense layers."""
    output_width: int
    """Numbers in a vector."""
    stages: int = 3
    """Times that a window is convolved and halved."""
    conv_blocks: int = 2
    """Residual blocks of convolutions, all in the first stage."""
    dense_blocks: int = 2
    """Residual blocks of dense layers."""
    image_size: int = 32
    """Side of a window in pixels."""
    normalize: bool = False
    """Whether vectors are made 1 long, as VectorGeo does since autumn 2023."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.planes not in _PLANES:
            raise InvalidValueError(
                f"planes must be {_PLANES[0]} (classes) or {_PLANES[1]} (and height), "
                f"got {self.planes}"
            )
        for field in fields(self):
            least = 0 if field.name.endswith("_blocks") or field.type is bool else 1
            if getattr(self, field.name) < least:
                raise InvalidValueError(
                    f"{field.name} must be {least} or more, got {getattr(self, field.name)}"
                )
        if self.image_size % 2**self.stages:
            raise InvalidValueError(
                f"a window of {self.image_size} pixels cannot be halved {self.stages} times"
            )

    @property
    def size_name(self) -> str | None:
        """None: its sizes have no names."""
        return None

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that a chip must have."""
        return (CLASS_BAND,) if self.planes == len(CLASS_CODES) else (CLASS_BAND, DEM_BAND)

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TripletConfig":
        """The config that `to_json` wrote.

        Raises:
            InvalidValueError: a key is unknown or missing, or a value is not allowed.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidValueError(f"not a config of a triplet network: {error}") from error


class ConvBlock(nn.Module):
    """Two convolutions, added to what came in; nothing after the sum."""

    def __init__(self, filters: int) -> None:
        """Build both."""
        super().__init__()
        self.conv1 = nn.Conv2d(filters, filters, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W) to (B, F, H, W)."""
        y = self.bn1(functional.relu(self.conv1(x)))
        out: Tensor = x + self.bn2(self.conv2(y))
        return out


class DenseBlock(nn.Module):
    """Two dense layers, added to what came in; negative sums are 0."""

    def __init__(self, width: int) -> None:
        """Build both."""
        super().__init__()
        self.fc1 = nn.Linear(width, width)
        self.bn1 = nn.BatchNorm1d(width)
        self.fc2 = nn.Linear(width, width)
        self.bn2 = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        y = self.bn1(functional.relu(self.fc1(x)))
        return functional.relu(x + self.bn2(self.fc2(y)))


class Triplet(nn.Module):
    """Planes to vectors."""

    def __init__(self, config: TripletConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = config
        f, width = config.filters, config.dense_width
        parts: dict[str, nn.Module] = {"conv_0": nn.Conv2d(config.planes, f, 3, padding=1)}
        for index in range(config.conv_blocks):
            parts[f"resblock_conv_{index}"] = ConvBlock(f)
        for index in range(1, config.stages):
            parts[f"conv_{index}"] = nn.Conv2d(f, f, 3, padding=1)
        side = config.image_size // 2**config.stages
        parts["dense"] = nn.Linear(f * side**2, width)
        self.encoder = nn.ModuleDict(parts)
        self.dense_blocks = nn.ModuleList(DenseBlock(width) for _ in range(config.dense_blocks))
        self.output_layer = nn.Linear(width, config.output_width)

    def forward(self, planes: Tensor) -> list[Tensor]:
        """What comes out of each stage, of the dense blocks and of the last layer.

        Args:
            planes: (B, planes, H, W), H and W the config's image_size.

        Returns:
            (B, F, H/2, W/2) and so on for each stage, (B, D) of dense_width, (B, D) of
            output_width.
        """
        x, found = planes, []
        for stage in range(self.config.stages):
            x = self.encoder[f"conv_{stage}"](x)  # (B, F, H, W), in later stages H/2 and so on
            for index in range(self.config.conv_blocks if stage == 0 else 0):
                x = self.encoder[f"resblock_conv_{index}"](x)
            x = functional.max_pool2d(x, 2)  # (B, F, H/2, W/2)
            found.append(x)
        x = self.encoder["dense"](x.flatten(1))  # (B, D)
        for block in self.dense_blocks:
            x = block(x)
        vector = self.output_layer(x)
        return [*found, x, functional.normalize(vector) if self.config.normalize else vector]


class TripletEncoder(TokenEncoder):
    """A triplet network in front of the embeddings."""

    def __init__(self, network: Triplet, kind: ChipKind) -> None:
        """For chips of a kind; errors are those of `layout_of`."""
        super().__init__()
        self.network = network
        self.kind = kind
        self.layout = layout_of(network.config, kind)
        # One missing code behind the classes, so that it is known without having a plane.
        codes = torch.tensor([*CLASS_CODES, MISSING_CODE], dtype=torch.float32)
        self.register_buffer("codes", codes[:, None, None], persistent=False)  # (K+1, 1, 1)

    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, 0): it takes pixels only."""
        return torch.zeros(len(places), 0)

    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """As `TokenEncoder` says; there is no norm, so `after_norm` says nothing."""
        planes = self.planes(pixels).to(self.network.output_layer.weight.dtype)
        found = self.network(planes)
        return [_tokens(found[index]) for index in layers]

    def planes(self, pixels: Tensor) -> Tensor:
        """What the network takes.

        A window of one class has its plane like any other; VectorGeo gave it no class at all.
        A window with a code that is neither a class nor missing becomes NaN as a whole, and so its
        vector, which no embedding file accepts: a wrong vector would look like any other.

        Args:
            pixels: (B, C, H, W) of `kind`.

        Returns:
            (B, planes, H, W) float32: 1 in the plane of a pixel's class, else 0; then the height
            between 0 at the window's lowest pixel and 1 at its highest, 0 where it is flat.
        """
        codes: Tensor = self.get_buffer("codes")
        classes = pixels[:, self.kind.bands.index(CLASS_BAND), None].float()  # (B, 1, H, W)
        is_class = classes == codes.float()  # (B, K+1, H, W)
        unknown = ~is_class.any(dim=1).all(dim=(1, 2))  # (B,)
        x = is_class[:, :-1].float()  # (B, K, H, W)
        if DEM_BAND in self.network.config.bands:
            height = pixels[:, self.kind.bands.index(DEM_BAND), None].float()
            low, high = height.amin((2, 3), keepdim=True), height.amax((2, 3), keepdim=True)
            relief = (height - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)
            x = torch.cat([x, relief], dim=1)
        return x.masked_fill(unknown[:, None, None, None], torch.nan)


def _tokens(x: Tensor) -> Tokens:
    """A grid (B, F, H, W) or vectors (B, D) as tokens; a vector is a grid of one."""
    grid = x if x.ndim == 4 else x[:, :, None, None]
    return Tokens(patches=grid.permute(0, 2, 3, 1).unsqueeze(1), cls=None)  # (B, 1, H, W, F)


def layout_of(config: TripletConfig, kind: ChipKind) -> Layout:
    """What can be taken from its stages and dense layers for chips of a kind.

    Raises:
        InvalidValueError: the chips lack a band.
        ChipError: they are of another size than the windows of the training.
    """
    if not set(config.bands) <= set(kind.bands):
        raise InvalidValueError(
            f"a triplet network of {config.planes} planes takes the bands "
            f"{' '.join(config.bands)}, the chips have {' '.join(kind.bands) or 'none'}"
        )
    if kind.size_px != config.image_size:
        raise ChipError(
            f"chips of {kind.size_px} pixels do not suit a triplet network, which takes windows of "
            f"{config.image_size}; cut chips of {config.image_size}"
        )
    sides = [config.image_size // 2 ** (stage + 1) for stage in range(config.stages)]
    stages = (
        Layer(f"encoder.conv_{stage}", config.filters, (side, side))
        for stage, side in enumerate(sides)
    )
    dense = Layer("dense_blocks", config.dense_width, (1, 1))
    output = Layer("output_layer", config.output_width, (1, 1))
    return Layout((*stages, dense, output), groups=1, has_cls=False, has_final_norm=False)


def encoder_of(
    config: TripletConfig, tensors: Mapping[str, Tensor], kind: ChipKind
) -> TripletEncoder:
    """The encoder for chips of a kind, its weights those of `tensors`; errors as `layout_of`."""
    with torch.device("meta"):
        network = Triplet(config)
    network.load_state_dict(tensors, assign=True)
    return TripletEncoder(network.requires_grad_(False), kind).eval()


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these names are a triplet network's."""
    return {"encoder.conv_0.weight", "encoder.dense.weight", "output_layer.weight"} <= set(names)


def bare_names(names: Collection[str]) -> dict[str, str]:
    """Names in a file, without prefixes, and those in the network: they are the same."""
    return {name: name for name in names}


def config_of(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    *,
    heads: tuple[int, int] | None,
    name: str,
) -> TripletConfig:
    """Config read from shapes.

    Args:
        tensors: named as in the network.
        parameters: hyper-parameters of the file; `normalize` is used if it is there.
        heads: not used, the network has no attention.
        name: the file, for messages.

    Raises:
        CheckpointError: a shape is impossible.
    """
    filters, planes = (length("encoder.conv_0.weight", axis, tensors, name) for axis in (0, 1))
    dense_width, flat = (length("encoder.dense.weight", axis, tensors, name) for axis in (0, 1))
    stages = count(r"encoder\.conv_(\d+)\.", tensors)
    side = math.isqrt(flat // filters)
    if side**2 * filters != flat:
        raise CheckpointError(
            f"{name}: encoder.dense.weight takes {flat} numbers, which are no square grid of "
            f"{filters} filters"
        )
    try:
        return TripletConfig(
            planes,
            filters,
            dense_width,
            length("output_layer.weight", 0, tensors, name),
            stages=stages,
            conv_blocks=count(r"encoder\.resblock_conv_(\d+)\.", tensors),
            dense_blocks=count(r"dense_blocks\.(\d+)\.", tensors),
            image_size=side * 2**stages,
            normalize=bool(parameters.get("normalize", False)),
        )
    except InvalidValueError as error:
        raise CheckpointError(f"{name} is no triplet network: {error}") from error
