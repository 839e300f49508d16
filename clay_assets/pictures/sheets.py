"""Chips or images side by side, and single pictures of the ground."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps

from clay_assets.pictures.colour import Pixels, rgb_of, stretch_of, true_colour
from clay_assets.pictures.encoding import fitting_png, png
from clay_assets.pictures.style import BACKGROUND, GAP_PX, LINE_PX, NOTE, TITLE, font

_FRAME = (255, 190, 60)


@dataclass(frozen=True)
class Picture:
    """One picture of a sheet, with up to two lines below it."""

    rgb: Pixels
    """(3, H, W) red, green, blue in digital numbers."""
    title: str
    """First line."""
    note: str = ""
    """Second line."""


@dataclass(frozen=True)
class Captioned:
    """One square of a sheet as it is shown."""

    image: Image.Image
    """Colours for the eye, of any size."""
    title: str
    """First line below."""
    note: str = ""
    """Second line."""


def quicklook_png(rgb: Pixels, *, max_px: int = 400) -> bytes:
    """A tile's true-colour picture, at most `max_px` on its longer side."""
    whole = Image.fromarray(true_colour(rgb))

    def draw(scale: float) -> Image.Image:
        image = whole.copy()
        image.thumbnail((round(max_px * scale),) * 2, Image.Resampling.BOX)
        return image

    return fitting_png(draw)


def thumbnail_png(pixels: Pixels, bands: Sequence[str], size: int) -> bytes:
    """A chip's true-colour picture.

    Args:
        pixels: (C, H, W) of the chip.
        bands: names of the C bands.
        size: side of the picture in pixels.
    """
    image = Image.fromarray(true_colour(rgb_of(pixels, bands)))
    return png(image.resize((size, size), Image.Resampling.BOX))


def chip_sheet_png(chips: Sequence[Picture], *, columns: int = 6, side_px: int = 100) -> bytes:
    """Chips in rows, all stretched alike."""
    rows = [chips[start : start + columns] for start in range(0, len(chips), columns)]
    limits = stretch_of([chip.rgb for chip in chips])
    shown = _captioned(rows, limits)
    return fitting_png(lambda scale: _sheet(shown, round(side_px * scale)))


def neighbour_sheet_png(rows: Sequence[Sequence[Picture]], *, side_px: int = 100) -> bytes:
    """One row a query: the query first, framed, then its neighbours from the nearest on."""
    limits = stretch_of([picture.rgb for row in rows for picture in row])
    shown = _captioned(rows, limits)
    return fitting_png(lambda scale: _sheet(shown, round(side_px * scale), framed_column=0))


def image_sheet_png(rows: Sequence[Sequence[Captioned]], *, side_px: int = 112) -> bytes:
    """One row a query, framed, then its neighbours; images keep their aspect and their colours.

    Notes are names, of which the middle gives way where a square is too narrow.
    """
    return fitting_png(
        lambda scale: _sheet(
            _squared(rows, side_px * scale), round(side_px * scale), framed_column=0
        )
    )


def reconstruction_png(
    target: Pixels, masked: Pixels, reconstruction: Pixels, *, side_px: int = 192
) -> bytes:
    """A chip, what the encoder saw of it, and what the network made of that.

    Args:
        target: (3, H, W) digital numbers, as the other two.
        masked: NaN where hidden.
        reconstruction: all of it.
        side_px: side of each of the three.
    """
    names = ("chip", "seen by the encoder", "reconstructed")
    pictures = (target, masked, reconstruction)
    row = [Picture(rgb, name) for rgb, name in zip(pictures, names, strict=True)]
    shown = _captioned([row], stretch_of([target]))
    return fitting_png(lambda scale: _sheet(shown, round(side_px * scale)))


def _captioned(
    rows: Sequence[Sequence[Picture]], limits: tuple[float, float]
) -> list[list[Captioned]]:
    """Digital numbers as colours, all stretched alike."""
    return [
        [
            Captioned(
                Image.fromarray(true_colour(picture.rgb, limits=limits)),
                picture.title,
                picture.note,
            )
            for picture in row
        ]
        for row in rows
    ]


def _squared(rows: Sequence[Sequence[Captioned]], side: float) -> list[list[Captioned]]:
    """Images in the middle of squares, with texts that fit below them."""
    side_px = round(side)
    return [
        [
            Captioned(
                ImageOps.pad(one.image, (side_px, side_px), Image.Resampling.BOX, BACKGROUND),
                _fitting(one.title, side_px),
                _shortened(one.note, side_px),
            )
            for one in row
        ]
        for row in rows
    ]


def _fitting(text: str, width_px: int) -> str:
    """The text if there is room for it: half a number would be another number."""
    return text if font().getlength(text) <= width_px else ""


def _shortened(name: str, width_px: int) -> str:
    """Beginning and end of a name that is too wide, for either may tell it from others."""
    shown, kept = name, len(name) - 1
    while kept > 1 and font().getlength(shown) > width_px:
        kept -= 1
        shown = f"{name[: kept - kept // 2]}…{name[-(kept // 2) :]}"
    return _fitting(shown, width_px)


def _sheet(
    rows: Sequence[Sequence[Captioned]], side_px: int, *, framed_column: int | None = None
) -> Image.Image:
    """Rows of captioned pictures on a dark ground."""
    lines = 2 if any(picture.note for row in rows for picture in row) else 1
    across, down = side_px + GAP_PX, side_px + GAP_PX + 4 + lines * LINE_PX
    columns = max((len(row) for row in rows), default=0)
    size = (GAP_PX + columns * across, GAP_PX + len(rows) * down)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    places = [(r, c, picture) for r, row in enumerate(rows) for c, picture in enumerate(row)]
    for r, c, picture in places:
        x, y = GAP_PX + c * across, GAP_PX + r * down
        sheet.paste(picture.image.resize((side_px, side_px), Image.Resampling.BOX), (x, y))
        if c == framed_column:
            draw.rectangle(
                (x - 2, y - 2, x + side_px + 1, y + side_px + 1), outline=_FRAME, width=2
            )
        texts = ((picture.title, TITLE), (picture.note, NOTE))
        for line, (text, colour) in enumerate(texts):
            draw.text((x, y + side_px + 2 + line * LINE_PX), text, fill=colour, font=font())
    return sheet
