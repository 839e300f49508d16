"""What an image set's file is to be, checked as far as it can be without a device."""

from dataclasses import dataclass

from clay_assets import __version__
from clay_assets.checkpoints import StoredCheckpoint, find_checkpoint
from clay_assets.embeddings.outputs import csv_target
from clay_assets.embeddings.outputs.write import check_targets
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.projection import find_projection
from clay_assets.embeddings.suiting import check_model, config_of, shape_of
from clay_assets.errors import ImageError, ProductError
from clay_assets.images.file import ImageFileMetadata, set_key
from clay_assets.images.listing import ImageListing, list_images
from clay_assets.images.sets import ImageSet, read_set
from clay_assets.models.devices import choose_device, choose_precision
from clay_assets.models.families import family_named
from clay_assets.models.picture_input import PICTURE_BANDS
from clay_assets.models.token_encoder import ChipKind
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same pictures and checkpoint would give other numbers."""
PICTURE_FAMILIES = ("vit", "resnet")
"""Networks that take pictures; the others take what satellites measure."""


@dataclass(frozen=True)
class ImageWork:
    """One image set to embed."""

    product: Product
    """How."""
    image_set: ImageSet
    """Which."""
    listing: ImageListing
    """Its pictures."""
    checkpoint_id: str
    """Content id of the weights that the product's checkpoint names now."""
    size_px: int
    """Side that the network takes."""
    shape: tuple[int, ...]
    """Of one picture's embedding."""
    precision: str
    """One of `settings.PRECISIONS`."""
    projection_id: str | None
    """Content id of the projection that the product uses now, if it has one."""

    @property
    def kind(self) -> ChipKind:
        """What the encoder is built for."""
        return picture_kind(self.size_px)

    @property
    def key(self) -> str:
        """Where its file goes."""
        return set_key(self.product.name, self.image_set.name)

    @property
    def outputs(self) -> dict[str, str]:
        """Name -> key of the files beside it."""
        return output_keys(self.product, self.image_set.name)

    @property
    def recipe(self) -> str:
        """Fingerprint of all that decides a picture's embedding besides the picture."""
        return fingerprint(
            CODE_VERSION,
            self.checkpoint_id,
            self.product.extraction.to_json(),
            self.product.dtype,
            self.projection_id,
            self.precision,
            self.size_px,
        )

    @property
    def inputs(self) -> str:
        """Fingerprint of all that decides the files."""
        return fingerprint(self.recipe, self.listing.version, self.outputs)

    def metadata(self, *, failed: int, is_final: bool, run_id: str) -> ImageFileMetadata:
        """What its file says of itself, but for the data version.

        Args:
            failed: pictures that are not in it.
            is_final: whether none of them is to be tried again as it is.
            run_id: run that writes it.
        """
        return ImageFileMetadata(
            product=self.product.name,
            image_set=self.image_set.name,
            location=self.image_set.location,
            checkpoint_id=self.checkpoint_id,
            extraction=self.product.extraction,
            precision=self.precision,
            dtype=self.product.dtype,
            shape=self.shape,
            size_px=self.size_px,
            projection_id=self.projection_id,
            recipe=self.recipe,
            inputs=self.inputs if is_final else "",
            data_version="",
            failed=failed,
            outputs=self.outputs,
            run_id=run_id,
            package_version=__version__,
        )


def plan_images(
    store: Store, product: Product, name: str, *, device: str, precision: str
) -> ImageWork:
    """What there is to embed now.

    Raises:
        NotFoundError: there is no such image set, folder or checkpoint, or nothing was fitted for
            a product that projects.
        ImageError: the set has no pictures.
        ProductError: the product is for chips, its network takes no pictures or cannot give what
            the product takes, or its CSV belongs to something else.
        InvalidValueError: the device is not on this machine, or cannot compute in this precision.
        StoreError: the pictures cannot be listed.
    """
    choose_precision(precision, choose_device(device))
    if product.input != "images":
        raise ProductError(
            f"product {product.name} embeds {product.input}; one for image sets declares "
            'input = "images"'
        )
    image_set = read_set(store, name)
    checkpoint = find_checkpoint(store, product.checkpoint)
    size_px, shape = network_for_pictures(product, checkpoint)
    check_targets(store, product, name)
    listing = list_images(image_set.location)
    if not listing.images:
        raise ImageError(
            f"image set {name} has no images in {image_set.location} ({listing.others} other "
            "files); put some there, or register another location by `clay-assets images add`"
        )
    return ImageWork(
        product=product,
        image_set=image_set,
        listing=listing,
        checkpoint_id=checkpoint.id,
        size_px=size_px,
        shape=shape,
        precision=precision,
        projection_id=find_projection(store, product, checkpoint.id).id
        if product.has_projection
        else None,
    )


def picture_kind(size_px: int) -> ChipKind:
    """Pictures of red, green and blue, of no known scale on the ground."""
    return ChipKind(PICTURE_BANDS, size_px, 0.0)


def network_for_pictures(
    product: Product, checkpoint: StoredCheckpoint
) -> tuple[int, tuple[int, ...]]:
    """Side of the pictures that a network takes, and shape of what the product stores of one.

    Raises:
        ProductError: it takes no pictures, cannot give what the product takes, or is not the
            product's model.
    """
    if (family := checkpoint.card["family"]) not in PICTURE_FAMILIES:
        title = family_named(family).title
        allowed = " or ".join(family_named(name).title for name in PICTURE_FAMILIES)
        raise ProductError(
            f"product {product.name}: checkpoint {product.checkpoint} is of a {title} network, "
            f"which takes measured bands and not pictures; use a checkpoint of a {allowed}, or "
            'input = "chips"'
        )
    check_model(product, checkpoint)
    config = config_of(checkpoint.card)
    return config.image_size, shape_of(product, config, picture_kind(config.image_size))


def output_keys(product: Product, image_set: str) -> dict[str, str]:
    """Name -> key of the files beside a set's file, as the product declares them now.

    >>> output_keys(Product("vit", input="images"), "birds")["csv"]
    'image_embeddings/vit/birds.csv'
    """
    beside = {"failures": set_key(product.name, image_set, "_failures.parquet")}
    if product.is_one_vector:
        own = set_key(product.name, image_set, ".csv")
        beside["csv"] = csv_target.csv_key(product, image_set) or own
    if "numpy" in product.outputs:
        beside["numpy"] = set_key(product.name, image_set, ".npy")
        beside["ids"] = set_key(product.name, image_set, "_ids.txt")
    return beside
