"""Linear layers of transformers as a CPU computes them fastest: packed weights, and int8.

Weights are put in oneDNN's own order once, when the network is loaded; then a product needs no
copy of them, and the GELU behind it no pass of its own. In int8, weights have a scale for each
output and inputs one for each token, found as they come; sums are exact in int32.
"""

# N tokens of all chips, I width in, O width out

import logging
from functools import lru_cache
from typing import TypeGuard

import torch
from torch import Tensor, nn

from clay_assets.errors import InvalidValueError
from clay_assets.models.token_encoder import TokenEncoder

_LARGEST = 127  # of int8, symmetric
_NARROWEST = 16  # place and date have fewer numbers, and stay as they are
_ROUGHLY = 0.05  # what bfloat16 and int8 may lose on a sum of 16 small products

log = logging.getLogger(__name__)


class PackedLinear(nn.Module):
    """A linear layer, with or without a GELU behind it, in float32 or bfloat16."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype, *, gelu: bool) -> None:
        """Pack the weights of `layer`."""
        super().__init__()
        self.dtype = dtype
        self.then = "gelu" if gelu else "none"
        self.packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype))
        self.bias = None if layer.bias is None else layer.bias.detach().to(dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) to (..., O) of the layer's type."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(
            x.to(self.dtype), self.packed, self.bias, self.then, [], "none"
        )
        return out


class Int8Linear(nn.Module):
    """The same with 8-bit products: weights rounded once, each token as it comes."""

    def __init__(self, layer: nn.Linear, *, gelu: bool) -> None:
        """Round and pack the weights of `layer`."""
        super().__init__()
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST
        steps = (weight / scale[:, None]).round().to(torch.int8)
        self.gelu = gelu
        self.packed = torch.ops.onednn.qlinear_prepack(steps, None)
        self.scale = scale
        self.zeros = torch.zeros(len(scale), dtype=torch.int32)
        bias = layer.bias
        self.bias = torch.zeros(len(scale)) if bias is None else bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) float32 to (..., O) float32."""
        steps, scale = quantise(x)
        out: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(steps, 1.0, 0, self.packed, self.scale, self.zeros, None, 1.0, 0),
            *(torch.float32, "none", [], "none"),
        )
        torch.addcmul(self.bias, out, scale, out=out)
        # In place: a new block of this size costs more than the GELU itself.
        return torch.ops.aten.gelu_(out) if self.gelu else out


def quantise(x: Tensor) -> tuple[Tensor, Tensor]:
    """Each token in whole steps.

    >>> steps, scale = quantise(torch.tensor([[-2.54, 1.0, 0.0]]))
    >>> steps.tolist(), round(scale.item(), 4)
    ([[-127, 50, 0]], 0.02)

    Args:
        x: (..., I) floating.

    Returns:
        (..., I) int8 from -127 to 127, and (..., 1) float32, the step: the largest number over 127.
    """
    x = x.float()
    scale = x.abs().amax(dim=-1, keepdim=True).clamp_(min=torch.finfo(torch.float32).tiny)
    scale = scale.div_(_LARGEST)
    return torch.div(x, scale).round_().to(torch.int8), scale


def quicken(encoder: TokenEncoder, precision: str) -> TokenEncoder:
    """Put the fastest layers into a transformer on the CPU; other networks stay as they are.

    Args:
        encoder: in evaluation mode, with weights; it is changed in place.
        precision: one of `settings.PRECISIONS`.

    Raises:
        InvalidValueError: int8 of a network that is no transformer, or on a processor that torch
            has no such layers for.
    """
    is_transformer = encoder.layout.has_final_norm
    if precision == "int8" and not (is_transformer and can_pack("int8")):
        raise InvalidValueError(
            "precision int8 is for the linear layers of transformers on processors that oneDNN "
            f"knows, got {type(encoder).__name__} on {torch.backends.cpu.get_cpu_capability()}; "
            "use CLAY_PRECISION=fp32"
        )
    if is_transformer and can_pack(precision):
        _replace(encoder, precision)
    return encoder


@lru_cache
def can_pack(precision: str) -> bool:
    """Whether these layers work here and give what plain ones give, and the processor gains."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if precision == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    plain = nn.Linear(_NARROWEST, _NARROWEST)
    x = torch.linspace(-1, 1, _NARROWEST)[None]
    try:
        found = _layer(plain, precision, gelu=False)(x)
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        log.warning("packed layers in %s do not work here, going on without: %s", precision, error)
        return False
    return torch.allclose(found.float(), plain(x), rtol=0, atol=_ROUGHLY)


def _replace(module: nn.Module, precision: str) -> None:
    children = list(module.named_children())
    for index, (name, child) in enumerate(children):
        if not _is_plain_linear(child):
            _replace(child, precision)
            continue
        behind = children[index + 1][1] if index + 1 < len(children) else None
        gelu = (
            isinstance(module, nn.Sequential)
            and isinstance(behind, nn.GELU)
            and behind.approximate == "none"
        )
        setattr(module, name, _layer(child, precision, gelu=gelu))
        if gelu:
            setattr(module, children[index + 1][0], nn.Identity())


def _layer(layer: nn.Linear, precision: str, *, gelu: bool) -> nn.Module:
    if precision == "int8":
        return Int8Linear(layer, gelu=gelu)
    return PackedLinear(layer, torch.bfloat16 if precision == "bf16" else torch.float32, gelu=gelu)


def _is_plain_linear(module: nn.Module) -> TypeGuard[nn.Linear]:
    """Whether it does what `nn.Linear` does, on tokens."""
    return (
        isinstance(module, nn.Linear)
        and type(module).forward is nn.Linear.forward
        and module.in_features >= _NARROWEST
    )
