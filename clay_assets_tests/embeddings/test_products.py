import pytest

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "declares no product"),
        ("products = 3", "declares no product"),
        ("[products]\nclay = 3", r"product clay must be a table \[products.clay\], got 3"),
        ("[product.clay]", "has product; only tables"),
        ('[products.clay]\nlevels = "mean"', "has 'levels'; allowed are checkpoint, level"),
        ('[products.clay]\nlevel = "token"', "one of mean, patch, group, got 'token'"),
        ("[products.clay]\nlevel = 3", "level must be a text in quotes, got 3"),
        ('[products.clay]\ncheckpoint = ""', "checkpoint must be the name or id .* got ''"),
        ('[products."../clay"]', "lower-case letters.* got '../clay'"),
        ("[products.clay", "is not TOML"),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, text, message):
    with pytest.raises(ProductError, match=message):
        declared(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProductError, match=r"none\.toml cannot be read \(No such file.*CLAY_PROD"):
        load_products(tmp_path / "none.toml")
