import pytest
import torch

from clay_assets.errors import InvalidValueError
from clay_assets.models.devices import choose_device, choose_precision


def test_auto_is_a_device_of_this_machine():
    assert choose_device(choose_device("auto")) in ("cuda", "mps", "cpu")


@pytest.mark.parametrize(
    ("device", "message"),
    [("tpu", "one of auto, cpu, cuda, mps, got 'tpu'"), ("mps", "mps is not on this machine; set")],
)
def test_a_device_that_is_not_there_is_refused(device: str, message: str):
    with pytest.raises(InvalidValueError, match=message):
        choose_device(device)


def test_auto_takes_the_fastest(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"


def test_a_precision_that_a_device_lacks_is_refused():
    assert choose_precision("int8", "cpu") == "int8"
    with pytest.raises(InvalidValueError, match="int8 is for device cpu, got cuda; set"):
        choose_precision("int8", "cuda")
    with pytest.raises(InvalidValueError, match="one of fp32, bf16, int8, got 'fp8'"):
        choose_precision("fp8", "cpu")
