"""Which device networks run on, and in which precision."""

import torch

from clay_assets.errors import InvalidValueError
from clay_assets.settings import DEVICES, PRECISIONS


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


def choose_precision(name: str, device: str) -> str:
    """`name`, if the device can compute in it.

    >>> choose_precision("bf16", "cpu")
    'bf16'

    Raises:
        InvalidValueError: there is no such precision, or not on this device.
    """
    if name not in PRECISIONS:
        raise InvalidValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {name!r}")
    if name == "int8" and device != "cpu":
        raise InvalidValueError(
            f"precision int8 is for device cpu, got {device}; set CLAY_PRECISION to bf16 or fp32"
        )
    return name
