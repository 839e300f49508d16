"""How a loss went down."""

import io
from collections.abc import Sequence

from PIL import Image

from clay_assets.pictures.encoding import fitting_png

_TRAINING = "#8fb8de"
_VALIDATION = "#d1495b"
_DPI = 90


def loss_curve_png(
    training: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]]
) -> bytes:
    """Loss over steps, training and validation, as (step, loss) pairs."""
    # Matplotlib takes a second to import and writes a font cache; nothing else here needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The object interface: pyplot would keep the figure for the life of the process.
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if training:
        axes.plot(*zip(*training, strict=True), label="training", color=_TRAINING, linewidth=1)
    if validation:
        points = zip(*validation, strict=True)
        axes.plot(*points, label="validation", color=_VALIDATION, marker="o", markersize=3)
    if training or validation:
        axes.legend(frameon=False)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)

    def draw(scale: float) -> Image.Image:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI * scale)
        return Image.open(buffer).convert("RGB")

    return fitting_png(draw)
