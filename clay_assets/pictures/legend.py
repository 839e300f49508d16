"""Coloured squares with their meaning, in lines below a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from clay_assets.pictures.style import BACKGROUND, GAP_PX, TITLE, font

_SQUARE_PX = 9
_ROW_PX = 16
_FONT_PX = 11
_BETWEEN_PX = 14


@dataclass(frozen=True)
class LegendEntry:
    """One colour and its meaning."""

    colour: str
    """`#rrggbb`."""
    text: str
    """What it means, with its count."""


def legend(entries: Sequence[LegendEntry], width_px: int) -> Image.Image:
    """The entries in as many lines as they need; no higher than nothing when there are none."""
    lines = _lines(entries, width_px)
    image = Image.new("RGB", (width_px, max(1, len(lines) * _ROW_PX)), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        x, y = GAP_PX, row * _ROW_PX
        for entry in line:
            square = (x, y + 3, x + _SQUARE_PX, y + 3 + _SQUARE_PX)
            draw.rectangle(square, fill=entry.colour)
            draw.text((x + _SQUARE_PX + 5, y + 1), entry.text, fill=TITLE, font=font(_FONT_PX))
            x += _width_px(entry)
    return image


def _lines(entries: Sequence[LegendEntry], width_px: int) -> list[list[LegendEntry]]:
    lines: list[list[LegendEntry]] = []
    left = 0
    for entry in entries:
        width = _width_px(entry)
        if not lines or width > left:
            lines.append([])
            left = width_px - GAP_PX
        lines[-1].append(entry)
        left -= width
    return lines


def _width_px(entry: LegendEntry) -> int:
    return _SQUARE_PX + 5 + round(font(_FONT_PX).getlength(entry.text)) + _BETWEEN_PX
