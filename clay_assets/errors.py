"""Errors a user can act on. Each says what was found, what is allowed and what to do next."""


class ClayAssetsError(Exception):
    """Base of every error this package raises on purpose."""


class InvalidValueError(ClayAssetsError, ValueError):
    """An argument or setting is outside what is allowed."""


class TileError(ClayAssetsError, ValueError):
    """A tile id or a tile's grid is not usable."""


class ImageryError(ClayAssetsError, ValueError):
    """A STAC item, scene or raster file is not what it should be."""


class UnreachableError(ImageryError):
    """Imagery that cannot be reached now and may be later; nothing is wrong with it."""


class ChipError(ClayAssetsError, ValueError):
    """A chip file breaks the chip contract."""


class ImageError(ClayAssetsError, ValueError):
    """A picture cannot be read, or a set of pictures cannot be used."""


class CheckpointError(ClayAssetsError, ValueError):
    """A checkpoint file is not one that is accepted."""


class ProductError(ClayAssetsError, ValueError):
    """A product's declaration makes no sense."""


class SearchError(ClayAssetsError, ValueError):
    """A query cannot be answered as asked."""


class UnusableIndexError(SearchError):
    """A search index is damaged or of another version of this package."""


class NotFoundError(ClayAssetsError, LookupError):
    """A named thing (chip, product, checkpoint, file) does not exist."""


class ConflictError(ClayAssetsError, ValueError):
    """Somebody else has changed a thing since it was read."""


class StoreError(ClayAssetsError, OSError):
    """A file could not be read from or written to the data root."""


class DatabaseError(ClayAssetsError, ConnectionError):
    """The PostgreSQL server cannot be reached or used."""


class ServiceError(ClayAssetsError, OSError):
    """A local service (port, process) cannot be started or used."""
