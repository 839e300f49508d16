"""Which device networks run on."""

import torch

from clay_assets.errors import InvalidValueError
from clay_assets.settings import DEVICES


def choose_device(name: str) -> str:
    """`name`, or for `auto` the fastest kind of device there is.

    >>> choose_device("cpu")
    'cpu'

    Raises:
        InvalidValueError: there is no such device, or not on this machine.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, is_there in present.items() if is_there)
    if name not in present:
        raise InvalidValueError(f"device must be one of {', '.join(DEVICES)}, got {name!r}")
    if not present[name]:
        raise InvalidValueError(
            f"device {name} is not on this machine; set CLAY_DEVICE to auto or cpu"
        )
    return name
