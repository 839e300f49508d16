"""A tile as seen on each date, with the place of every chip that could be cut of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageColor, ImageDraw, ImageEnhance

from clay_assets.chips.quality import CLOUD, NO_ELEVATION, NO_OPTICAL, NO_RADAR
from clay_assets.pictures.colour import Pixels, stretch_of, true_colour
from clay_assets.pictures.encoding import fitting_png
from clay_assets.pictures.legend import LegendEntry, legend
from clay_assets.pictures.style import BACKGROUND, GAP_PX, LINE_PX, NOTE, TITLE, font

KEPT_COLOUR = "#62b56b"
FAULT_COLOURS: dict[str, str] = {
    NO_OPTICAL: "#e5383b",
    NO_RADAR: "#c77dff",
    NO_ELEVATION: "#3fc1f0",
    CLOUD: "#ff9f1c",
}
_OTHER_FAULT_COLOUR = "#ff70a6"
_WIDTH_PX = 690
_LARGEST_PANEL_PX = 400
_LARGEST_SCALE = 2.0
"""Pixels of the panel for one of the tile at most: a tiny tile gives a small picture."""
_VIEW_SHARE = 0.5
"""Pixels of the view below the chips, a side, in those of the panel. The view is soft, pale and
dark so that chips stand out; the tile's own quick-look is sharp."""
_VIEW_SATURATION, _VIEW_BRIGHTNESS = 0.35, 0.8
_VIEW_COLOURS = 24
"""With the tints of all reasons they fit one palette, so that no colour is lost."""
_TINT = 120
"""Opacity of a rejected chip, of 255: what is wrong with it must show through."""
_KEPT_TINT = 50
"""Opacity of a kept chip that is too small for an outline."""
_OUTLINED_PX = 8
"""Side from which on chips are outlined."""


class Cell(Protocol):
    """The place of one chip; pixels of the tile's grid."""

    @property
    def row(self) -> int:
        """First row."""

    @property
    def col(self) -> int:
        """First column."""

    @property
    def size(self) -> int:
        """Side."""

    @property
    def fault(self) -> str | None:
        """Why it was rejected; None when it was kept."""


@dataclass(frozen=True)
class GridPanel:
    """One date of a tile."""

    rgb: Pixels
    """(3, h, w) red, green, blue in digital numbers, a small view of the window."""
    title: str
    """Its date."""
    window: tuple[int, int, int, int]
    """Row, column, height and width of what `rgb` shows, in pixels of the tile's grid."""
    cells: Sequence[Cell]
    """Every chip of the date that could be cut."""


def chip_grid_png(panels: Sequence[GridPanel]) -> bytes:
    """Dates side by side, stretched alike: kept chips outlined, rejected ones tinted by reason."""
    limits = stretch_of([panel.rgb for panel in panels])
    entries = _entries(panels)

    def draw(scale: float) -> Image.Image:
        return _sheet(panels, entries, limits, scale)

    return fitting_png(draw, few_colours=True)


def _entries(panels: Sequence[GridPanel]) -> list[LegendEntry]:
    """Kept, then the reasons of rejection from the most common on."""
    faults = Counter(cell.fault for panel in panels for cell in panel.cells)
    kept = LegendEntry(KEPT_COLOUR, f"kept {faults.pop(None, 0)}")
    return [kept] + [
        LegendEntry(_colour(fault), f"{fault} {count}") for fault, count in faults.most_common()
    ]


def _colour(fault: str | None) -> str:
    return FAULT_COLOURS.get(fault, _OTHER_FAULT_COLOUR) if fault else KEPT_COLOUR


def _sheet(
    panels: Sequence[GridPanel],
    entries: Sequence[LegendEntry],
    limits: tuple[float, float],
    scale: float,
) -> Image.Image:
    width = min(_LARGEST_PANEL_PX, _WIDTH_PX // max(1, len(panels)) - GAP_PX)
    pictures = [_panel(panel, limits, round(width * scale)) for panel in panels]
    across = max(260, GAP_PX + sum(picture.width + GAP_PX for picture in pictures))
    below = legend(entries, across)
    height = max((picture.height for picture in pictures), default=0)
    text_y = GAP_PX + height + 2
    size = (across, text_y + 2 * LINE_PX + GAP_PX + below.height + 2)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    x = GAP_PX
    for panel, picture in zip(panels, pictures, strict=True):
        kept = sum(cell.fault is None for cell in panel.cells)
        sheet.paste(picture, (x, GAP_PX))
        draw.text((x, text_y), panel.title, fill=TITLE, font=font())
        note = f"{kept} of {len(panel.cells)} chips kept"
        draw.text((x, text_y + LINE_PX), note, fill=NOTE, font=font())
        x += picture.width + GAP_PX
    sheet.paste(below, (0, size[1] - below.height - 2))
    return sheet


def _panel(panel: GridPanel, limits: tuple[float, float], max_px: int) -> Image.Image:
    row, col, height, width = panel.window
    scale = min(max_px, _LARGEST_SCALE * max(height, width)) / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = _view(panel, limits, size).convert("RGBA")
    overlay = Image.new("RGBA", size)
    draw = ImageDraw.Draw(overlay)
    for cell in panel.cells:
        left, top = (cell.col - col) * scale, (cell.row - row) * scale
        side = cell.size * scale
        outlined = side >= _OUTLINED_PX
        last = side - (2 if outlined else 1)  # no two outlines touch
        box = [round(edge) for edge in (left, top, left + last, top + last)]
        colour = ImageColor.getrgb(_colour(cell.fault))
        opacity = _TINT if cell.fault else 0 if outlined else _KEPT_TINT
        outline = (*colour, 255) if outlined else None
        draw.rectangle(box, fill=(*colour, opacity), outline=outline)
    return Image.alpha_composite(image, overlay).convert("RGB")


def _view(panel: GridPanel, limits: tuple[float, float], size: tuple[int, int]) -> Image.Image:
    """The panel's picture, ready to be drawn on."""
    view = Image.fromarray(true_colour(panel.rgb, limits=limits))
    small = max(1, round(size[0] * _VIEW_SHARE)), max(1, round(size[1] * _VIEW_SHARE))
    soft = view.resize(small, Image.Resampling.BOX).resize(size, Image.Resampling.BILINEAR)
    pale = ImageEnhance.Color(soft).enhance(_VIEW_SATURATION)
    dark = ImageEnhance.Brightness(pale).enhance(_VIEW_BRIGHTNESS)
    few = dark.quantize(_VIEW_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return few.convert("RGB")
