"""What an application's images are like as a whole: sizes, windows for references, and what a user should know."""

import numpy as np
from numpy.typing import NDArray

from degcraft.cleanness import Cleanness, are_clean, cleanness
from degcraft.crops import luma_of
from degcraft.overlays import Overlays
from degcraft.references import Choice, Windows, choose_references, measured, overlaid

FEW = 50  # references: fewer get a note
# The figures are means over the four settings of docs/figures/figure17.csv (traces, refined).
LOST = (
    "with few, estimates depend on which images happen to be among them, and error bars widen; 25 are nearly as good "
    "as 100, 10 clearly worse (docs/estimation.md, Figure 17)"
)


class Survey:
    """Measurements of images, added one by one; their pixels are not kept.

    Parameters
    ----------
    side : int
        Side of reference crops, pixels.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self._windows: list[Windows] = []
        self._overlays = Overlays()
        self._clean: list[Cleanness] = []

    def add(self, pixels: NDArray[np.uint8], solid: NDArray[np.bool_] | None) -> None:
        """Measure one image, shape (height, width, 3), uint8, RGB, and where it is opaque (None: everywhere)."""
        self._windows.append(measured(pixels, self.side, solid))
        self._overlays.add(luma_of(pixels))
        self._clean.append(cleanness(pixels))

    def __len__(self) -> int:
        return len(self._windows)

    def ranges(self) -> dict[str, list[int]]:
        """Least and greatest width and height, pixels."""
        heights, widths = zip(*(windows.size for windows in self._windows), strict=True)
        return {"width": [min(widths), max(widths)], "height": [min(heights), max(heights)]}

    def choose(self, count: int, least: int, rng: np.random.Generator) -> Choice:
        """Windows for references, as `choose_references` chooses them; notes say what had to be avoided too."""
        avoided = 0
        for size in {windows.size for windows in self._windows}:
            places = self._overlays.places(size)
            for windows in self._windows:
                if windows.size == size:
                    overlaid(windows, places, self.side)
                    avoided += int((windows.overlaid > 0).any())
        choice = choose_references(self._windows, count, least, rng)
        if avoided:
            choice.notes.append(
                f"In {avoided} images, something stays in place while the rest changes (text, a logo or a border); "
                "crops keep away from it."
            )
        return choice

    def notes(self) -> list[str]:
        """Sentences on the images, apart from the choice of crops."""
        if not are_clean(self._clean):
            return []
        sides = self.ranges()
        return [
            f"The images are large already (up to {sides['width'][1]} x {sides['height'][1]} pixels), sharp and hardly "
            "noisy: there may be little to restore, and four times as large they need much memory and disk; if they "
            "were enlarged before, set reduce."
        ]


def left_out(duplicates: int, constant: int, transparent: int) -> list[str]:
    """Sentences on images that were not used, or not as a whole."""
    lines = {
        f"{duplicates} exact duplicates were left out.": duplicates,
        f"{constant} images or frames of one colour (black frames, for example) were left out.": constant,
        f"{transparent} images have transparent parts; crops are from their opaque parts.": transparent,
    }
    return [line for line, number in lines.items() if number]


def few(references: int, *, at_most: bool = False) -> list[str]:
    """What is lost with so few references, or at most so few; nothing where there are enough."""
    if references >= FEW:
        return []
    there = (
        f"at most {references} references, fewer where images are flat or saturated,"
        if at_most
        else f"only {references} references,"
    )
    return [f"There are {there} 100 are better: {LOST}."]
