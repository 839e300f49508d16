"""Whether a product suits a network and its chips; told from shapes alone, before any weights."""

from functools import lru_cache
from typing import Any

from clay_assets.checkpoints import StoredCheckpoint
from clay_assets.chips import ChipRow
from clay_assets.embeddings.extraction import resolve
from clay_assets.embeddings.products import Product
from clay_assets.models.families import family_named, layout_of
from clay_assets.models.token_encoder import ChipKind, Layout


def kind_of(chip: ChipRow) -> ChipKind:
    """What a chip has in common with others that go through one encoder."""
    return ChipKind(bands=chip.bands, size_px=chip.chip_size, gsd_m=round(chip.gsd_m, 6))


def config_of(card: dict[str, Any]) -> Any:  # noqa: ANN401
    """The config in a stored checkpoint's card, of whichever family.

    Raises:
        CheckpointError: the family is not known.
        InvalidValueError: the config is not one of the family.
    """
    return family_named(card["family"]).config.from_json(card["config"])


def shape_of(product: Product, config: Any, kind: ChipKind) -> tuple[int, ...]:  # noqa: ANN401
    """Shape of what a product stores of one chip.

    Args:
        product: how to embed.
        config: of the network, of any family.
        kind: of the chip.

    Raises:
        ProductError: the network cannot give what the product takes, or not in its `dimensions`.
        ChipError: chips of this size do not suit the network.
        InvalidValueError: the bands, or the platform, do not suit the network.
    """
    layout = _layout(config, kind, product.platform)
    resolved = resolve(product.extraction, layout, name=f"product {product.name}")
    product.check_dimensions(resolved.shape)
    return resolved.shape if product.pca is None else (product.pca,)


def check_model(product: Product, checkpoint: StoredCheckpoint) -> None:
    """Whether a checkpoint is of the model that a product names, if it names one.

    Raises:
        ProductError: it is of another family or size.
    """
    if product.model is None:
        return
    raise NotImplementedError


@lru_cache(maxsize=64)
def _layout(config: Any, kind: ChipKind, platform: str | None) -> Layout:  # noqa: ANN401
    """Built on the meta device; a tile asks for it again and again."""
    return layout_of(config, kind, platform)
