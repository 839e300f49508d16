import pytest

from clay_assets.errors import InvalidValueError
from clay_assets.models import choose_device
from clay_assets.models.devices import DEVICES
from clay_assets.settings import DEVICES as SETTINGS_DEVICES


def test_auto_is_a_device_of_this_machine():
    assert choose_device(choose_device("auto")) in ("cuda", "mps", "cpu")


def test_the_settings_know_the_same_devices():
    assert DEVICES == SETTINGS_DEVICES


@pytest.mark.parametrize(
    ("device", "message"),
    [("tpu", "one of auto, cpu, cuda, mps, got 'tpu'"), ("mps", "mps is not on this machine; set")],
)
def test_a_device_that_is_not_there_is_refused(device: str, message: str):
    with pytest.raises(InvalidValueError, match=message):
        choose_device(device)
