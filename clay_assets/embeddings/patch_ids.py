"""Names of the patches of chips."""


def patch_id(chip_id: str, group: str | None, row: int, column: int) -> str:
    """Unique among all patches of a product.

    >>> patch_id("claytile_32VKM_20230612_v10_0001", "swir", 3, 15)
    'claytile_32VKM_20230612_v10_0001/swir/3/15'
    """
    return "/".join([chip_id, *([group] if group else []), str(row), str(column)])
