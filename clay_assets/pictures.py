"""Pictures that people look at, as PNG bytes small enough for an event in the Dagster UI.

Chips come as digital numbers; each picture stretches its own 2nd to 98th percentile, so that dark
forest and bright sand both show. Pixels without data are grey.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.float32]
Colours = npt.NDArray[np.uint8]

NODATA_GREY = 128
BACKGROUND = (24, 26, 30)
TEXT = (225, 228, 232)
GAP_PX = 6
CAPTION_PX = 26
LIMIT_BYTES = 48_000
"""What fits well into an event row of Dagster's database."""
_COLOUR_STEPS = (None, 256, 128, 64, 32)


@dataclass(frozen=True)
class Picture:
    """One picture of a sheet, with two lines below it."""

    rgb: Pixels
    """(3, H, W) red, green, blue in digital numbers."""
    title: str
    """First line."""
    note: str = ""
    """Second line."""


def rgb_of(pixels: Pixels, bands: Sequence[str]) -> Pixels:
    """Red, green and blue of a chip; its first band in grey when it has not all three.

    Args:
        pixels: (C, H, W), any unit.
        bands: names of the C bands.

    Returns:
        (3, H, W) float32.
    """
    if {"B04", "B03", "B02"} <= set(bands):
        return pixels[[bands.index(name) for name in ("B04", "B03", "B02")]]
    return np.repeat(pixels[:1], 3, axis=0)


def true_colour(rgb: Pixels, *, limits: tuple[float, float] | None = None) -> Colours:
    """Colours for the eye.

    Args:
        rgb: (3, H, W) digital numbers; NaN, or 0 in all three, is no data.
        limits: darkest and brightest value; the 2nd and 98th percentile when None.

    Returns:
        (H, W, 3) uint8.
    """
    valid = np.isfinite(rgb).all(axis=0) & (rgb != 0).any(axis=0)
    low, high = limits or stretch_of([rgb])
    scaled = np.clip((np.nan_to_num(rgb) - low) / max(high - low, 1e-6), 0, 1)
    # A little gamma lifts the shadows, as map viewers do.
    colours = (255 * scaled**0.8).astype(np.uint8)
    colours[:, ~valid] = NODATA_GREY
    return np.ascontiguousarray(colours.transpose(1, 2, 0))  # (H, W, 3)


def stretch_of(pictures: Sequence[Pixels]) -> tuple[float, float]:
    """2nd and 98th percentile of all valid pixels of some (3, H, W) pictures together."""
    samples = []
    for rgb in pictures:
        valid = np.isfinite(rgb).all(axis=0) & (rgb != 0).any(axis=0)
        samples.append(rgb[:, valid].ravel()[:: max(1, rgb.size // 100_000)])
    values = np.concatenate(samples) if samples else np.empty(0)
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, [2, 98])
    return float(low), float(high)


def quicklook_png(rgb: Pixels, *, max_px: int = 400) -> bytes:
    """A tile's true-colour picture, at most `max_px` on its longer side."""
    image = Image.fromarray(true_colour(rgb))
    image.thumbnail((max_px, max_px), Image.Resampling.BOX)
    return _png(image)


def thumbnail_png(pixels: Pixels, bands: Sequence[str], size: int) -> bytes:
    """A chip's true-colour picture, `size` pixels on a side.

    Args:
        pixels: (C, H, W) of the chip.
        bands: names of the C bands.
        size: side of the picture.
    """
    image = Image.fromarray(true_colour(rgb_of(pixels, bands)))
    return _encode(image.resize((size, size), Image.Resampling.BOX))


def chip_sheet_png(chips: Sequence[Picture], *, columns: int = 4, side_px: int = 104) -> bytes:
    """Chips side by side, all stretched alike."""
    return _png(_sheet([chips[i : i + columns] for i in range(0, len(chips), columns)], side_px))


def neighbour_sheet_png(rows: Sequence[Sequence[Picture]], *, side_px: int = 96) -> bytes:
    """One row a query: the query first, framed, then its neighbours from the nearest on."""
    return _png(_sheet(rows, side_px, framed_column=0))


def reconstruction_png(
    target: Pixels, masked: Pixels, reconstruction: Pixels, *, side_px: int = 180
) -> bytes:
    """A chip, what the encoder saw of it, and what the network made of that.

    Args:
        target: (3, H, W) digital numbers, as the other two.
        masked: NaN where hidden.
        reconstruction: all of it.
        side_px: side of each of the three.
    """
    row = [
        Picture(target, "chip"),
        Picture(masked, "seen"),
        Picture(reconstruction, "reconstructed"),
    ]
    return _png(_sheet([row], side_px, limits=stretch_of([target])))


def loss_curve_png(
    training: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]]
) -> bytes:
    """Loss over steps, training and validation, as (step, loss) pairs."""
    # Matplotlib takes a second to import and writes a font cache; nothing else here needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.0), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for series, label, style in (
        (training, "training", {"color": "#8fb8de", "linewidth": 1}),
        (validation, "validation", {"color": "#d1495b", "marker": "o", "markersize": 3}),
    ):
        if series:
            steps, losses = zip(*series, strict=True)
            axes.plot(steps, losses, label=label, **style)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    if training or validation:
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _png(Image.open(buffer).convert("RGB"))


def _sheet(
    rows: Sequence[Sequence[Picture]],
    side_px: int,
    *,
    limits: tuple[float, float] | None = None,
    framed_column: int | None = None,
) -> Image.Image:
    """Rows of captioned pictures on a dark ground."""
    limits = limits or stretch_of([tile.rgb for row in rows for tile in row])
    columns = max((len(row) for row in rows), default=1)
    width = GAP_PX + columns * (side_px + GAP_PX)
    height = GAP_PX + len(rows) * (side_px + CAPTION_PX + GAP_PX)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=10)
    for r, row in enumerate(rows):
        for c, tile in enumerate(row):
            x = GAP_PX + c * (side_px + GAP_PX)
            y = GAP_PX + r * (side_px + CAPTION_PX + GAP_PX)
            picture = Image.fromarray(true_colour(tile.rgb, limits=limits))
            sheet.paste(picture.resize((side_px, side_px), Image.Resampling.BOX), (x, y))
            if c == framed_column:
                draw.rectangle((x - 2, y - 2, x + side_px + 1, y + side_px + 1), outline=TEXT)
            draw.text((x, y + side_px + 1), tile.title, fill=TEXT, font=font)
            draw.text((x, y + side_px + 12), tile.note, fill=(150, 155, 162), font=font)
    return sheet


def _png(image: Image.Image) -> bytes:
    """A PNG below `LIMIT_BYTES`: as it is, else with ever fewer colours, else smaller."""
    while True:
        for colours in _COLOUR_STEPS:
            data = _encode(image if colours is None else _fewer_colours(image, colours))
            if len(data) <= LIMIT_BYTES:
                return data
        image = image.resize((image.width * 4 // 5, image.height * 4 // 5), Image.Resampling.BOX)


def _fewer_colours(image: Image.Image, colours: int) -> Image.Image:
    return image.quantize(colours, dither=Image.Dither.NONE)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
