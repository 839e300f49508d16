"""How a loss went down, and how much components hold."""

import io
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from PIL import Image

from clay_assets.pictures.encoding import fitting_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FAINT = "#8fb8de"
_STRONG = "#d1495b"
_DPI = 90


def loss_curve_png(
    training: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float]]
) -> bytes:
    """Loss over steps, training and validation, as (step, loss) pairs."""

    def plot(axes: "Axes") -> None:
        if training:
            axes.plot(*zip(*training, strict=True), label="training", color=_FAINT, linewidth=1)
        if validation:
            points = zip(*validation, strict=True)
            axes.plot(*points, label="validation", color=_STRONG, marker="o", markersize=3)
        if training or validation:
            axes.legend(frameon=False)

    return _curve_png(plot, "step", "loss")


def variance_curve_png(explained: Sequence[float]) -> bytes:
    """Share of the variance, 0 to 1, in the first so many components of a PCA, added up."""

    def plot(axes: "Axes") -> None:
        axes.plot(range(1, len(explained) + 1), list(accumulate(explained)), color=_STRONG)
        axes.set_ylim(0, 1.02)

    return _curve_png(plot, "components", "share of the variance")


def _curve_png(plot: Callable[["Axes"], None], x_label: str, y_label: str) -> bytes:
    # Matplotlib takes a second to import and writes a font cache; nothing else here needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The object interface: pyplot would keep the figure for the life of the process.
    figure = Figure(figsize=(5.2, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    plot(axes)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)

    def draw(scale: float) -> Image.Image:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI * scale)
        return Image.open(buffer).convert("RGB")

    return fitting_png(draw)
