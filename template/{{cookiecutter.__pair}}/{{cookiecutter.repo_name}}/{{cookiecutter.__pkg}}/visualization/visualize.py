"""Pictures of results, drawn without a display and without global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..storage import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..models.runs import Epoch

BLUE, ORANGE, GREY = "#1f6fb2", "#d9772b", "#c3c9cf"


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure of that size in inches, with plain axes side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(1, columns, number + 1) for number in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _write(figure: Figure, path: Path) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")


def learning_curve(history: Sequence[Epoch], title: str, path: Path) -> None:
    """Draw loss and accuracy of each epoch, on the training and the validation split."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure, (left, right) = _figure(9, 3.6, columns=2)
    epochs = [line.epoch for line in history]
    marker = "o" if len(epochs) < 3 else None
    for axes, name in ((left, "loss"), (right, "accuracy")):
        for prefix, label, colour in (
            ("", "training", BLUE),
            ("validation_", "validation", ORANGE),
        ):
            values = [getattr(line, prefix + name) for line in history]
            axes.plot(epochs, values, color=colour, label=label, marker=marker)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=GREY, linewidth=0.5)
        axes.legend(frameon=False)
    left.set_ylabel("cross-entropy (nats)")
    left.set_yscale("log")
    right.set_ylabel("accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.suptitle(f"Learning curve of {title}")
    _write(figure, path)


def confusion_matrix(
    counts: NDArray[np.int64], classes: Sequence[str], title: str, path: Path
) -> None:
    """Draw how often each class (row) was taken for each other (column), in images."""
    edge = max(4.5, 0.55 * len(classes) + 1.5)
    figure, (axes,) = _figure(edge, edge)
    # By share of the row: rare classes show as clearly as frequent ones.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes)
    axes.set_yticks(ticks, classes)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right = int(np.trace(counts))
    axes.set_title(f"Confusion matrix of {title}\n{right} of {int(counts.sum())} test images right")
    _write(figure, path)


def annotated(image: NDArray[Any], label: str, probabilities: Mapping[str, float]) -> bytes:
    """Draw a picture with its class and the probability of every class.

    Args:
        image: what the network saw, shape (8, 8), 0 is paper.
        label: the class.
        probabilities: by class, 0 to 1.

    Returns:
        a PNG file.
    """
    from matplotlib.ticker import PercentFormatter

    figure, (left, right) = _figure(7, 3.4, columns=2)
    left.imshow(image, cmap="gray_r")
    left.set_axis_off()
    left.set_title(f"{label}  ({probabilities[label]:.1%})", fontsize=16, color=BLUE)
    names = list(probabilities)
    colours = [BLUE if name == label else GREY for name in names]
    right.barh(range(len(names)), list(probabilities.values()), color=colours)
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set_xlim(0, 1)
    right.xaxis.set_major_formatter(PercentFormatter(1.0))
    right.set_xlabel("probability")
    right.set_ylabel("class")
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return buffer.getvalue()
