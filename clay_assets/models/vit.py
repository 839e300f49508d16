"""Vision transformers with the tensor names of torchvision: ViT-B/16, ViT-L/16 and their kin.

SimCLR checkpoints hold one as their backbone. The classifier is left out.

Source:
    Dosovitskiy et al. 2020, arXiv:2010.11929; names, order and eps as in torchvision 0.29
    (BSD-3-Clause), with which the outputs of every layer were compared.
"""

# B batch, H W picture size in pixels, P patch side, L patches, N = L + 1 tokens, D token width

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.blocks import attend
from clay_assets.models.picture_input import picture_input
from clay_assets.models.shapes import count, length
from clay_assets.models.token_encoder import ChipKind, Layer, Layout, Place, TokenEncoder, Tokens

SIZES: dict[str, tuple[int, int, int, int]] = {
    "vit_b": (768, 12, 12, 3072),
    "vit_l": (1024, 24, 16, 4096),
    "vit_h": (1280, 32, 16, 5120),
}
"""Width, depth, heads and width of the MLP of the published sizes."""

_EPS = 1e-6
_BANDS = 3
_OLD_MLP = {".mlp.linear_1.": ".mlp.0.", ".mlp.linear_2.": ".mlp.3."}


@dataclass(frozen=True)
class VitConfig:
    """Everything that decides the tensors of a vision transformer and how they are used."""

    family: ClassVar[str] = "vit"

    image_size: int
    """Side of the pictures it takes, in pixels."""
    patch_size: int
    """Patch side in pixels."""
    width: int
    """Token width."""
    depth: int
    """Blocks."""
    heads: int
    """Attention heads."""
    mlp_width: int
    """Hidden width of the MLPs."""

    def __post_init__(self) -> None:
        """Check what the network divides by."""
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise InvalidValueError(
                    f"{field.name} must be 1 or more, got {getattr(self, field.name)}"
                )
        if self.image_size % self.patch_size:
            raise InvalidValueError(
                f"patch_size {self.patch_size} does not divide image_size {self.image_size}"
            )
        if self.width % self.heads:
            raise InvalidValueError(f"{self.heads} heads do not divide a width of {self.width}")

    @property
    def size_name(self) -> str | None:
        """Name as torchvision has it, such as vit_l_16; None for another size."""
        size = (self.width, self.depth, self.heads, self.mlp_width)
        name = next((name for name, known in SIZES.items() if known == size), None)
        return name and f"{name}_{self.patch_size}"

    @property
    def side(self) -> int:
        """Patches along a side."""
        return self.image_size // self.patch_size

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "VitConfig":
        """The config that `to_json` wrote.

        Raises:
            InvalidValueError: a key is unknown or missing, or a value is not allowed.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidValueError(f"not a config of a vision transformer: {error}") from error


class SelfAttention(nn.Module):
    """Attend and project; tensors in_proj_weight and in_proj_bias, as of MultiheadAttention."""

    def __init__(self, config: VitConfig) -> None:
        """Build the two projections."""
        super().__init__()
        self.heads = config.heads
        # A layer of its own, so that whatever works on linear layers (int8) finds it.
        self.in_proj = InProjection(config.width, 3 * config.width)
        self.out_proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        out: Tensor = self.out_proj(attend(self.in_proj(x), self.heads))
        return out

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        *rest: Any,  # noqa: ANN401
    ) -> None:
        for part in ("weight", "bias"):
            if (name := f"{prefix}in_proj_{part}") in state_dict:
                state_dict[f"{prefix}in_proj.{part}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class InProjection(nn.Linear):
    """Queries, keys and values from one product; saved as in_proj_weight, not in_proj.weight."""

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix.removesuffix(".") + "_", keep_vars)


class Block(nn.Module):
    """Attention and MLP, each on normalised tokens and added to what came in."""

    def __init__(self, config: VitConfig) -> None:
        """Build both."""
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.width, eps=_EPS)
        self.self_attention = SelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.width, eps=_EPS)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.mlp_width),
            nn.GELU(),
            nn.Identity(),  # a dropout stood here, and counts in the tensor names
            nn.Linear(config.mlp_width, config.width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        x = x + self.self_attention(self.ln_1(x))
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Encoder(nn.Module):
    """Blocks over tokens that know their place, and a last norm."""

    def __init__(self, config: VitConfig) -> None:
        """Build `depth` blocks."""
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, config.side**2 + 1, config.width))
        blocks = {f"encoder_layer_{index}": Block(config) for index in range(config.depth)}
        self.layers = nn.ModuleDict(blocks)
        self.ln = nn.LayerNorm(config.width, eps=_EPS)


class Vit(nn.Module):
    """Pictures to tokens."""

    def __init__(self, config: VitConfig) -> None:
        """Build it with random weights; those of the class token and the places are 0."""
        super().__init__()
        self.config = config
        p = config.patch_size
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.conv_proj = nn.Conv2d(_BANDS, config.width, p, p)
        self.encoder = Encoder(config)

    def forward(
        self, pictures: Tensor, layers: tuple[int, ...] = (), *, after_norm: bool = True
    ) -> list[Tensor]:
        """Tokens after some blocks; blocks behind the last of them are not run.

        Args:
            pictures: (B, 3, H, W) normalised, H and W the config's image_size.
            layers: indices of blocks, ascending; none for the last one.
            after_norm: whether the last norm is applied to each.

        Returns:
            (B, N, D) each, in the order of `layers`; the class token is the first of the N.
        """
        layers = layers or (self.config.depth - 1,)
        # A convolution whose stride is its size is a product of its patches.
        x = functional.pixel_unshuffle(pictures, self.config.patch_size)  # (B, 3*P*P, H/P, W/P)
        x = x.flatten(2).transpose(1, 2)  # (B, L, 3*P*P)
        x = functional.linear(x, self.conv_proj.weight.flatten(1), self.conv_proj.bias)  # (B, L, D)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)  # (B, N, D)
        x = x + self.encoder.pos_embedding
        found = []
        for index, block in enumerate(self.encoder.layers.values()):
            if index > layers[-1]:
                break
            x = block(x)
            if index in layers:
                found.append(self.encoder.ln(x) if after_norm else x)
        return found


class VitEncoder(TokenEncoder):
    """A vision transformer in front of the embeddings."""

    def __init__(self, network: Vit, kind: ChipKind) -> None:
        """For chips of a kind; errors are those of `layout_of`."""
        super().__init__()
        config = network.config
        self.network = network
        self.kind = kind
        self.layout = layout_of(config, kind)
        self.input = picture_input(kind, config.image_size, family="a vision transformer")
        self.side = config.side

    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, 0): it takes pixels only."""
        return torch.zeros(len(places), 0)

    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """As `TokenEncoder` says."""
        pictures = self.input(pixels).to(self.network.class_token.dtype)
        return [
            Tokens(patches=x[:, 1:].unflatten(1, (1, self.side, self.side)), cls=x[:, 0])
            for x in self.network(pictures, layers, after_norm=after_norm)
        ]


def layout_of(config: VitConfig, kind: ChipKind) -> Layout:
    """What can be taken from its tokens for chips of a kind.

    Raises:
        InvalidValueError: the chips have no red, green and blue.
    """
    picture_input(kind, config.image_size, family="a vision transformer")
    layers = tuple(
        Layer(f"encoder.layers.encoder_layer_{index}", config.width, (config.side, config.side))
        for index in range(config.depth)
    )
    return Layout(layers, groups=1, has_cls=True, has_final_norm=True)


def encoder_of(config: VitConfig, tensors: Mapping[str, Tensor], kind: ChipKind) -> VitEncoder:
    """The encoder for chips of a kind, its weights those of `tensors`; errors as `layout_of`."""
    with torch.device("meta"):
        network = Vit(config)
    network.load_state_dict(tensors, assign=True)
    return VitEncoder(network.requires_grad_(False), kind).eval()


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these names are a vision transformer's."""
    return {"class_token", "conv_proj.weight", "encoder.pos_embedding"} <= set(names)


def bare_names(names: Collection[str]) -> dict[str, str]:
    """Names in a file, without prefixes, and those in the network; the classifier is left out.

    >>> bare_names(["encoder.ln.bias", "heads.head.bias"])
    {'encoder.ln.bias': 'encoder.ln.bias'}
    """
    found = {}
    for name in names:
        if not name.startswith("heads."):
            found[name] = name
            for old, new in _OLD_MLP.items():  # in torchvision's own files, written before 0.12
                found[name] = found[name].replace(old, new)
    return found


def config_of(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    *,
    heads: tuple[int, int] | None,
    name: str,
) -> VitConfig:
    """Config read from shapes.

    Args:
        tensors: named as in the network.
        parameters: hyper-parameters of the file; it needs none.
        heads: attention heads (the second number is not used); None for a published size.
        name: the file, for messages.

    Raises:
        CheckpointError: a shape is impossible, or the heads must be given and are not.
    """
    width, bands, patch_size = (
        length("conv_proj.weight", axis, tensors, name) for axis in range(3)
    )
    if bands != _BANDS:
        raise CheckpointError(
            f"{name} takes pictures of {bands} bands; vision transformers are supported with "
            "3: red, green, blue"
        )
    tokens = length("encoder.pos_embedding", 1, tensors, name)
    side = math.isqrt(tokens - 1)
    if side**2 != tokens - 1 or not side:
        raise CheckpointError(
            f"{name}: encoder.pos_embedding has {tokens} places, which is no square and 1"
        )
    depth = count(r"encoder\.layers\.encoder_layer_(\d+)\.", tensors)
    mlp_width = length("encoder.layers.encoder_layer_0.mlp.0.weight", 0, tensors, name)
    known = {(size[0], size[1], size[3]): size[2] for size in SIZES.values()}
    found = heads[0] if heads else known.get((width, depth, mlp_width))
    if found is None:
        raise CheckpointError(
            f"{name} is {width} wide and {depth} deep, which is none of the published sizes "
            f"({', '.join(SIZES)}); heads cannot be read from tensors, pass "
            "heads=(heads, heads), or --heads HEADS on the command line"
        )
    try:
        return VitConfig(side * patch_size, patch_size, width, depth, found, mlp_width)
    except InvalidValueError as error:
        raise CheckpointError(f"{name} is no vision transformer: {error}") from error
