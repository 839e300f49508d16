"""The families of networks: which one a file is of, and its encoder for chips of one kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import nn

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models import (
    clay_v0_file,
    clay_v0_tokens,
    clay_v1_file,
    clay_v1_tokens,
    resnet,
    triplet,
    vit,
)
from clay_assets.models.clay_v0 import ClayV0
from clay_assets.models.clay_v1 import ClayV1
from clay_assets.models.clay_v1_config import ClayV1Config
from clay_assets.models.config import ClayV0Config
from clay_assets.models.token_encoder import ChipKind, Layout, TokenEncoder

if TYPE_CHECKING:
    from clay_assets.models.checkpoint import Checkpoint

CLAY_V0 = "clay_v0"
CLAY_V1 = "clay_v1"


class NetworkConfig(Protocol):
    """What the config of every family can do; a frozen dataclass."""

    @property
    def size_name(self) -> str | None:
        """Name of the released size it has, None for any other."""

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""


def _as_they_are(names: Collection[str]) -> dict[str, str]:
    return {name: name for name in names}


@dataclass(frozen=True)
class Family:
    """Networks of one kind, in all their sizes."""

    name: str
    """As saved in checkpoints."""
    title: str
    """As people call it."""
    config: type[Any]
    """Its config, which has `from_json`."""
    network: Callable[[Any], nn.Module]
    """Builds the whole network of a config; its `state_dict` has the names kept in checkpoints."""
    recognises: Callable[[Collection[str]], bool]
    """Whether bare tensor names are of this family."""
    config_of: Callable[..., NetworkConfig]
    """Config from tensors and hyper-parameters."""
    encoder_of: Callable[..., TokenEncoder]
    """Encoder of a config and tensors for chips of one kind."""
    layout_of: Callable[..., Layout]
    """What that encoder would give, without any weights."""
    network_names: Callable[[Collection[str]], dict[str, str]] = _as_they_are
    """Names in a file, bare, to those in the network; what is no part of it is left out."""
    options: tuple[str, ...] = ()
    """What its files do not say and a person may, each yes or no."""
    takes_platform: bool = False
    """Whether its encoder asks which satellite the chips are from."""


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            CLAY_V0,
            "Clay v0",
            ClayV0Config,
            ClayV0,
            recognises=clay_v0_file.recognises,
            config_of=clay_v0_file.config_of,
            encoder_of=clay_v0_tokens.encoder_of,
            layout_of=clay_v0_tokens.layout_of,
            options=("float16_encodings",),
        ),
        Family(
            CLAY_V1,
            "Clay v1",
            ClayV1Config,
            ClayV1,
            recognises=clay_v1_file.recognises,
            config_of=clay_v1_file.config_of,
            encoder_of=clay_v1_tokens.encoder_of,
            layout_of=clay_v1_tokens.layout_of,
            network_names=clay_v1_file.bare_names,
            takes_platform=True,
        ),
        Family(
            "vit",
            "vision transformer",
            vit.VitConfig,
            vit.Vit,
            recognises=vit.recognises,
            config_of=vit.config_of,
            encoder_of=vit.encoder_of,
            layout_of=vit.layout_of,
            network_names=vit.bare_names,
        ),
        Family(
            "resnet",
            "ResNet",
            resnet.ResnetConfig,
            resnet.Resnet,
            recognises=resnet.recognises,
            config_of=resnet.config_of,
            encoder_of=resnet.encoder_of,
            layout_of=resnet.layout_of,
            network_names=resnet.bare_names,
        ),
        Family(
            "triplet",
            "triplet network",
            triplet.TripletConfig,
            triplet.Triplet,
            recognises=triplet.recognises,
            config_of=triplet.config_of,
            encoder_of=triplet.encoder_of,
            layout_of=triplet.layout_of,
            network_names=triplet.bare_names,
            options=("normalize",),
        ),
    )
}
"""By name."""


def family_named(name: str) -> Family:
    """The family of that name.

    Raises:
        CheckpointError: there is none.
    """
    if name not in FAMILIES:
        raise CheckpointError(f"family must be one of {', '.join(FAMILIES)}, got {name!r}")
    return FAMILIES[name]


def family_of(names: Collection[str]) -> Family | None:
    """The family whose networks have tensors of these bare names, None for no known one."""
    return next((family for family in FAMILIES.values() if family.recognises(names)), None)


def family_with(config: NetworkConfig) -> Family:
    """The family that a config is of.

    Raises:
        InvalidValueError: it is of none.
    """
    for family in FAMILIES.values():
        if isinstance(config, family.config):
            return family
    raise InvalidValueError(f"{type(config).__name__} is no config of a known family")


def encoder_of(checkpoint: Checkpoint, kind: ChipKind, platform: str | None = None) -> TokenEncoder:
    """The encoder of a checkpoint, in evaluation mode, for chips of one kind.

    Args:
        checkpoint: weights and config.
        kind: bands, side and ground distance of the chips.
        platform: satellite the chips are from, None to tell it from their bands.

    Raises:
        InvalidValueError: the bands do not suit, or the family knows no platforms.
        ChipError: the side of the chips does not suit.
    """
    family = family_with(checkpoint.config)
    return family.encoder_of(
        checkpoint.config, checkpoint.tensors, kind, **_platform(family, platform)
    )


def layout_of(config: NetworkConfig, kind: ChipKind, platform: str | None = None) -> Layout:
    """What `encoder_of` would give, without any weights; arguments and errors are the same."""
    family = family_with(config)
    return family.layout_of(config, kind, **_platform(family, platform))


def _platform(family: Family, platform: str | None) -> Mapping[str, str]:
    if platform is None:
        return {}
    if not family.takes_platform:
        raise InvalidValueError(
            f"platform {platform!r} says nothing to {family.title}, which takes its bands by name; "
            "leave it out"
        )
    return {"platform": platform}
