"""Elements of a drawing in a page, and its axes; colours come from the page, so that they follow its theme."""

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 380, 250  # of a drawing, in its own units: about CSS pixels
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 14, 44  # margins
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Values along one side of a drawing.

    Attributes
    ----------
    low, high : float
        First and last value.
    start, end : float
        Where they are in the drawing.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place of a value, to a hundredth."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + (self.end - self.start) * share, 2)

    def ticks(self, count: int = 5) -> list[float]:
        """About `count` round values.

        Examples
        --------
        >>> Scale(0, 50, 0, 1).ticks()
        [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
        """
        span = (self.high - self.low) or 1.0
        power = 10.0 ** math.floor(math.log10(span / count))
        step = power * next(size for size in _STEPS if size * power * count >= span * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 10) for number in range(first, last + 1)]


def across(low: float, high: float) -> Scale:
    """Scale from left to right."""
    return Scale(low, high, LEFT, WIDTH - RIGHT)


def upwards(low: float, high: float) -> Scale:
    """Scale from below to above."""
    return Scale(low, high, HEIGHT - BOTTOM, TOP)


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """An element; whatever is no Markup is escaped.

    Examples
    --------
    >>> element("text", "a < b", font_size=3, class_="note")
    Markup('<text font-size="3" class="note">a &lt; b</text>')
    """
    pairs = (f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    inside = Markup("").join(children)
    return Markup("<{0}{1}>{2}</{0}>").format(tag, Markup("".join(pairs)), inside)


def drawing(name: str, title: str, description: str, *parts: Markup, height: float = HEIGHT) -> Markup:
    """A drawing with a title and a description for those who do not see it; `name` is unique in the page."""
    heads = [element("title", title, id=f"{name}-title"), element("desc", description, id=f"{name}-desc")]
    return element(
        "svg",
        *heads,
        *parts,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        class_="chart",
    )


def axes(x: Scale, y: Scale, x_label: str, y_label: str, *, percent: bool = False) -> Markup:
    """Both axes with round values and their names."""
    lines = [element("path", d=f"M{x.start} {y.end}V{y.start}H{x.end}", class_="axis")]
    for value in x.ticks():
        lines.append(element("path", d=f"M{x(value)} {y.start}v4", class_="axis"))
        lines.append(element("text", number(value), x=x(value), y=y.start + 16, text_anchor="middle"))
    for value in y.ticks(4):
        lines.append(element("path", d=f"M{x.start} {y(value)}H{x.end}", class_="grid"))
        text = f"{number(100 * value)} %" if percent else number(value)
        lines.append(element("text", text, x=x.start - 6, y=y(value) + 4, text_anchor="end"))
    middle = (x.start + x.end) / 2
    lines.append(element("text", x_label, x=middle, y=y.start + 36, text_anchor="middle", class_="label"))
    if y_label:
        turned = f"translate(12 {(y.start + y.end) / 2}) rotate(-90)"
        lines.append(element("text", y_label, transform=turned, text_anchor="middle", class_="label"))
    return element("g", *lines)


def number(value: float) -> str:
    """A number with as many digits as it needs, up to four.

    Examples
    --------
    >>> number(2.50), number(1000), number(0.000125), number(2000000)
    ('2.5', '1000', '0.000125', '2 M')
    """
    if abs(value) >= 10_000:
        size, unit = (1e6, "M") if abs(value) >= 1e6 else (1e3, "k")
        return f"{value / size:.4g} {unit}"
    text = f"{value:.4g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0")
