"""PNG files small enough for an event in Dagster's database."""

import io
import math
from collections.abc import Callable

from PIL import Image

LIMIT_BYTES = 48_000
"""What fits well into an event row."""
_EFFORT = 6
"""Of zlib; 9 takes up to five times as long for a hundredth less."""
_PROBE, _PROBE_LIMIT_BYTES = 1, 60_000
"""An effort that tells soon whether full colour may fit, and from what size on it will not."""
_COLOURS = (256, 128, 80, 56)
"""Colours of the palette, best first."""


def fitting_png(draw: Callable[[float], Image.Image], *, few_colours: bool = False) -> bytes:
    """A PNG below `LIMIT_BYTES`: in full colour, with a palette, or else drawn smaller.

    Args:
        draw: makes the picture at a scale, 1 at first; drawn anew, its writing stays legible.
        few_colours: whether a palette loses nothing, so that full colour is not tried.
    """
    image = draw(1.0)
    if few_colours or len(png(image, effort=_PROBE)) <= _PROBE_LIMIT_BYTES:
        data = _palette_png(image, _COLOURS[0]) if few_colours else png(image)
        if len(data) <= LIMIT_BYTES:
            return data
    scale = 1.0
    while len(least := _palette_png(image, _COLOURS[-1])) > LIMIT_BYTES:
        # Bytes grow with the area; a little less, for the estimate may fall short.
        scale *= 0.97 * math.sqrt(LIMIT_BYTES / len(least))
        image = draw(scale)
    for colours in _COLOURS[:-1]:
        data = _palette_png(image, colours)
        if len(data) <= LIMIT_BYTES:
            return data
    return least


def png(image: Image.Image, *, effort: int = _EFFORT) -> bytes:
    """The picture as it is; `effort` is zlib's, 1 to 9."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=effort)
    return buffer.getvalue()


def _palette_png(image: Image.Image, colours: int) -> bytes:
    return png(image.quantize(colours, dither=Image.Dither.NONE))
