import re
from dataclasses import fields
from importlib import resources

import pytest

from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.products import Product, load_products
from clay_assets.errors import ProductError


def declared(tmp_path, text):
    path = tmp_path / "products.toml"
    path.write_text(text)
    return load_products(path)


def test_the_packaged_file_declares_clay():
    assert load_products() == {"clay": Product("clay", "default", "mean")}


def test_products_come_in_the_files_order_with_defaults(tmp_path):
    text = '[products.fine]\nlevel = "patch"\n[products.big]\ncheckpoint = "clay-v0.1"\n'
    assert list(declared(tmp_path, text).values()) == [
        Product("fine", "default", "patch"),
        Product("big", "clay-v0.1", "mean"),
    ]


def test_every_key_of_a_table_is_read(tmp_path):
    text = """
    [products.vit]
    checkpoint = "simclr"
    input = "images"
    model = "simclr-vit-l-16"
    dimensions = 256
    level = "chip"
    layers = [6, -1]
    norm = "after"
    pooling = "cls_mean"
    aggregation = "mean"
    l2 = true
    standardise = true
    pca = 256
    whiten = true
    dtype = "int8"
    outputs = ["csv", "numpy"]
    csv = "csv/{product}/{image_set}.csv"
    """
    product = declared(tmp_path, text)["vit"]
    assert product == Product(
        "vit",
        "simclr",
        "chip",
        input="images",
        model="simclr-vit-l-16",
        dimensions=256,
        layers=(6, -1),
        norm="after",
        pooling="cls_mean",
        aggregation="mean",
        l2=True,
        standardise=True,
        pca=256,
        whiten=True,
        dtype="int8",
        outputs=("csv", "numpy"),
        csv="csv/{product}/{image_set}.csv",
    )
    assert product.extraction == Extraction(
        "chip", (6, -1), None, "after", "cls_mean", "mean", True
    )
    assert (product.is_one_vector, product.has_projection) == (True, True)


def test_one_layer_is_a_list_of_one():
    assert Product("x", layer=6).extraction == Extraction(layers=(6,))
    assert Product("x", last_k=4, platform="sentinel-2-l2a").extraction == Extraction(last_k=4)


@pytest.mark.parametrize(
    ("product", "shape", "message"),
    [
        (Product("x", dimensions=4096), (1024,), "dimensions must be 1024, .* gives, got 4096"),
        (Product("x", pca=2000), (1024,), "pca 2000 asks for more .* than the 1024 numbers"),
    ],
)
def test_dimensions_are_compared_with_what_an_encoder_gives(product, shape, message):
    with pytest.raises(ProductError, match=f"product x: {message}"):
        product.check_dimensions(shape)
    Product("x", dimensions=1024).check_dimensions((14, 14, 1024))
    Product("x", pca=64, dimensions=64).check_dimensions((1024,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declares no product"),
        ("products = 3", "declares no product"),
        ("[products]\nclay = 3", r"product clay must be a table \[products.clay\], got 3"),
        ("[product.clay]", "has product; only tables"),
        ('[products."../clay"]', "lower-case letters.* got '../clay'"),
        ("[products.clay", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    with pytest.raises(ProductError, match=message):
        declared(tmp_path, text)


PATCHES = 'level = "patch"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('levels = "mean"', "product clay has 'levels'; allowed are checkpoint, level, input"),
        ("level = 3", "level must be a text in quotes, got 3"),
        ('layer = "6"', "layer must be a whole number, got '6'"),
        ("layer = true", "layer must be a whole number, got True"),
        ("layers = [1, 2.5]", r"layers must be a list of whole numbers, got \[1, 2.5\]"),
        ("layers = []", "layers is an empty list; leave it out"),
        ("l2 = 1", "l2 must be true or false, got 1"),
        ('outputs = "csv"', "outputs must be a list of texts in quotes, got 'csv'"),
        ('level = "token"', "product clay: level must be one of mean, cls, chip, .* got 'token'"),
        ('checkpoint = ""', "checkpoint must be the name or id .* got ''"),
        ('input = "tiles"', "input must be one of chips, images, got 'tiles'"),
        ('dtype = "int4"', "dtype must be one of float32, float16, int8, got 'int4'"),
        ("layer = 6\nlast_k = 4", "layer 6 and last_k 4 exclude each other"),
        ("layer = 6\nlayers = [2]", r"layer 6 and layers \[2\] exclude each other"),
        ("layers = [2]\nlast_k = 4", r"product clay: layers \[2\] and last_k 4 exclude"),
        ("dimensions = 0", "dimensions must be 1 or more, got 0"),
        ("pca = 0", "pca must be 1 or more components, got 0"),
        ("whiten = true", "whiten scales the components of a PCA, and there is none; add pca"),
        ("pca = 8\ndimensions = 16", "dimensions 16 must be that of pca, 8"),
        (PATCHES + "pca = 8", "pca is fitted on one vector a chip, and level patch gives many"),
        (PATCHES + "standardise = true", "standardise is fitted on one vector a chip, and level"),
        ('outputs = ["xml"]', "outputs must be some of csv, numpy, patches, got 'xml'"),
        ('outputs = ["csv", "csv"]', "outputs names csv twice"),
        ('outputs = ["patches"]', "patches has a row a patch, and level mean gives one vector"),
        (PATCHES + 'outputs = ["csv"]', "csv has a vector a row, and level patch gives many"),
        (
            PATCHES + 'input = "images"\noutputs = ["patches"]',
            "output patches needs places on the ground; pictures have none",
        ),
        ('csv = "{tile}.csv"', r"csv '\{tile\}.csv' needs outputs = \[\"csv\"\]"),
        ('outputs = ["csv"]\ncsv = "all.csv"', r"with \{tile\}, and \{product\} if .* 'all.csv'"),
        ('outputs = ["csv"]\ncsv = "{tile"', r"csv must be a key .* got '\{tile'"),
        ('outputs = ["csv"]\ncsv = "{tile:4}"', r"csv must be a key .* got '\{tile:4\}'"),
        ('outputs = ["csv"]\ncsv = "{tile}{x}"', r"csv must be a key .* got '\{tile\}\{x\}'"),
        (
            'input = "images"\noutputs = ["csv"]\ncsv = "{tile}.csv"',
            r"with \{image_set\}, and .* got '\{tile\}.csv'",
        ),
        (
            'input = "images"\nplatform = "naip"',
            "platform naip goes with input chips only; leave it out",
        ),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, text, message):
    with pytest.raises(ProductError, match=message):
        declared(tmp_path, f"[products.clay]\n{text}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProductError, match=r"none\.toml cannot be read \(No such file.*CLAY_PROD"):
        load_products(tmp_path / "none.toml")


def test_the_examples_of_the_packaged_file_can_be_declared(tmp_path):
    text = (resources.files("clay_assets") / "products.toml").read_text(encoding="utf-8")
    head, _, tables = text.partition("[products.clay]")
    examples = re.sub(r"(?m)^# ((\[|[a-z_0-9]+ = ).*)", r"\1", tables)
    assert examples.count("[products.") == tables.count("[products.")
    products = declared(tmp_path, f"[products.clay]{examples}")
    assert list(products) == [
        "clay",
        "clay_v1",
        "birds",
        "clay_int8",
        "clay_small",
        "clay_patches",
    ]
    for field in fields(Product)[1:]:
        assert f"#   {field.name} " in head, field.name
