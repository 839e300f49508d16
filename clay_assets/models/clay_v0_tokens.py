"""Clay v0 as the embeddings see it: raw chips in, tokens of its blocks out."""

# B batch, C band, H W chip size in pixels, G band group, L patches per chip, D token width

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from clay_assets.bands import statistics_of
from clay_assets.models.blocks import patch_layout
from clay_assets.models.clay_v0 import METADATA_TOKENS, Encoder, groups_in
from clay_assets.models.config import ClayV0Config
from clay_assets.models.inputs import Normalisation, encode_latlon, encode_timestep
from clay_assets.models.token_encoder import ChipKind, Layout, Place, TokenEncoder, Tokens

_PLACE_NUMBERS = 2  # then the date's three


class ClayV0Tokens(TokenEncoder):
    """Clay v0's encoder for one kind of chips, nothing hidden, tokens in their own order.

    v0.0.1 shuffled the tokens even so, which does not change their mean, and v0.2 could be told to;
    patches and groups have their place only in order.
    """

    encoding: Tensor

    def __init__(self, config: ClayV0Config, encoder: Encoder, kind: ChipKind) -> None:
        """Compute once all that follows from the kind of chips."""
        super().__init__()
        self.kind = kind
        self.layout = layout_of(config, kind)
        self.encoder = encoder
        self._parts = [len(bands) for bands in encoder.groups.values()]
        used = tuple(index for bands in encoder.groups.values() for index in bands)
        means, stds = statistics_of(tuple(kind.bands[index] for index in used))
        self.normalise = Normalisation(
            used, tuple(means), tuple(stds), float16=config.float16_encodings
        )
        encoding = encoder.encoding(*self.layout.layers[0].grid)  # (G, L, D)
        self.register_buffer("encoding", encoding, persistent=False)

    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, 5): place, then date; zeros where unknown, which no chip of the training set had."""
        return torch.tensor([_numbers(place) for place in places])

    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """Tokens of some layers; see `TokenEncoder.forward`."""
        encoder = self.encoder
        dtype = self.encoding.dtype
        x = encoder.embed_patches(torch.split(self.normalise(pixels).to(dtype), self._parts, dim=1))
        x = (x + self.encoding).flatten(1, 2)  # (B, G*L, D)
        place, date = metadata.to(dtype).tensor_split((_PLACE_NUMBERS,), dim=1)
        x = encoder.add_metadata(x, place, date)  # (B, G*L+2, D)
        shape = (len(x), self.layout.groups, *self.layout.layers[0].grid, -1)
        return [
            Tokens(found[:, :-METADATA_TOKENS].reshape(shape), cls=None)
            for found in encoder.transformer.after(x, layers, norm=after_norm)
        ]


def layout_of(config: ClayV0Config, kind: ChipKind) -> Layout:
    """What Clay v0 gives for chips of a kind.

    Raises:
        InvalidValueError: no band group has all its bands.
        ChipError: the patch size does not divide the chip.
    """
    groups = len(groups_in(kind.bands, config))
    return patch_layout(
        config.encoder, config.patch_size, kind.size_px, groups=groups, has_cls=False
    )


def encoder_of(config: ClayV0Config, tensors: Mapping[str, Tensor], kind: ChipKind) -> ClayV0Tokens:
    """The encoder of a checkpoint for chips of a kind, in evaluation mode; weights are not copied.

    Weights of band groups that the chips lack are left out.

    Raises:
        InvalidValueError: no band group has all its bands.
        ChipError: the patch size does not divide the chip.
    """
    with torch.device("meta"):
        encoder = Encoder(config, kind.bands)
    wanted = {name: tensors[f"encoder.{name}"] for name in encoder.state_dict()}
    encoder.load_state_dict(wanted, assign=True)
    network = ClayV0Tokens(config, encoder, kind)
    return network.eval().requires_grad_(False)


def _numbers(place: Place) -> tuple[float, ...]:
    lon, lat = place.lon, place.lat
    where = (0.0, 0.0) if lon is None or lat is None else encode_latlon(lon, lat)
    return (*where, *((0.0, 0.0, 0.0) if place.date is None else encode_timestep(place.date)))
