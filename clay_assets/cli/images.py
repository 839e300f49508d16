"""`clay-assets images`: register image sets, list them, embed them."""

from typing import Annotated

import typer
from rich.table import Table

from clay_assets.cli.terminal import (
    HomeOption,
    clear_errors,
    console,
    progress_bars,
    settings_of,
)

images_app = typer.Typer(help="Register, list and embed folders of images.", no_args_is_help=True)


@images_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name of the image set.")],
    location: Annotated[str, typer.Argument(help="Folder or s3:// prefix.")],
    labels: Annotated[
        str | None,
        typer.Option(
            help="What tells the images' labels: a CSV or Parquet table with filename and label, "
            "genus_species, or a regular expression on file names with one group.",
            metavar="TABLE-OR-RULE",
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Register an image set, or say anew where it lies."""
    with clear_errors():
        from clay_assets.defs.images import register_images
        from clay_assets.defs.instance import open_instance
        from clay_assets.evaluation.labels import absolute_source, labels_of
        from clay_assets.images.sets import image_set_of

        settings = settings_of(home)
        if labels is not None:
            labels = absolute_source(labels)
            labels_of(labels)  # says at once what is wrong with it
        image_set = image_set_of(name, location, labels)
        with open_instance() as instance:
            count = register_images(instance, settings.store, image_set)
        console.print(f"Image set {name!r} has {count} images in {image_set.location}.")


@images_app.command("list")
def list_(home: HomeOption = None) -> None:
    """List the image sets and the products they are embedded by."""
    with clear_errors():
        from clay_assets.images.embed import embedded_products
        from clay_assets.images.sets import list_sets

        store = settings_of(home).store
        table = Table("name", "location", "labels", "embedded by")
        for image_set in list_sets(store):
            products = ", ".join(embedded_products(store, image_set.name))
            table.add_row(image_set.name, image_set.location, image_set.labels or "", products)
        console.print(table)


@images_app.command("embed")
def embed(
    name: Annotated[str, typer.Argument(help="Name of the image set.")],
    home: HomeOption = None,
) -> None:
    """Embed an image set through the graph, by all products that take images."""
    with clear_errors(), progress_bars():
        from clay_assets.definitions import build_defs
        from clay_assets.defs.images import register_images
        from clay_assets.defs.instance import open_instance
        from clay_assets.defs.runs import run_job
        from clay_assets.embeddings import load_products
        from clay_assets.errors import ProductError
        from clay_assets.images.file import set_key
        from clay_assets.images.sets import read_set
        from clay_assets.images.writing import read_failures

        settings = settings_of(home)
        declared = load_products(settings.products_file).values()
        products = [product.name for product in declared if product.input == "images"]
        if not products:
            raise ProductError(
                'no product takes images; declare one with input = "images" in a TOML file and '
                "set CLAY_PRODUCTS to its path"
            )
        with open_instance() as instance:
            register_images(instance, settings.store, read_set(settings.store, name))
            run_job(build_defs(settings), instance, "embed_images", partition=name)
        for product in products:
            unread = len(read_failures(settings.store, product, name))
            note = f" without {unread} that cannot be read, see {name}_failures.parquet"
            table = settings.store.url(set_key(product, name))
            console.print(f"{table}{note if unread else ''}", soft_wrap=True)
