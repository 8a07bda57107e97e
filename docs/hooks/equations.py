"""Equations of the documentation as pictures in the page: TeX between dollar signs, set by matplotlib.

``$x$`` stands in a line and ``$$x$$`` on its own, as other viewers of Markdown read it, and ``.. math:: x`` in
docstrings. Nothing is fetched.
"""

import xml.etree.ElementTree as etree
from re import Match

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath, TextToPath
from mkdocs.config.defaults import MkDocsConfig

SIZE = 10  # units of the pictures per em
LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages and docstrings may hold equations."""
    config.markdown_extensions.append(Equations())
    return config


class Equations(Extension):
    """The three notations, after code (190), which keeps its dollar signs; before escapes (180), which are TeX here."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register a processor for each notation."""
        md.inlinePatterns.register(Equation(r"\$\$(.+?)\$\$", md, block=True), "equation-block", 187)
        md.inlinePatterns.register(Equation(r"\.\. math::\s+(.+)", md, block=True), "equation-docstring", 186)
        md.inlinePatterns.register(Equation(r"(?<![\w\\$])\$(?! )([^$\n]+?)(?<! )\$(?!\w)", md), "equation", 185)


class Equation(InlineProcessor):
    """TeX to a picture."""

    def __init__(self, pattern: str, md: Markdown, block: bool = False) -> None:
        super().__init__(pattern, md)
        self.block = block

    def handleMatch(  # type: ignore[override]
        self, m: Match[str], data: str
    ) -> tuple[etree.Element, int, int]:
        """The picture of one equation."""
        element = picture(" ".join(m.group(1).split()))
        if self.block:
            box = etree.Element("span", {"class": "equation"})
            box.append(element)
            element = box
        return element, m.start(0), m.end(0)


def picture(tex: str) -> etree.Element:
    """SVG of an equation in the colour and size of the text around it; its TeX is what screen readers say."""
    font = FontProperties(size=SIZE, math_fontfamily="stix")
    width, height, depth = TextToPath().get_text_width_height_descent(f"${tex}$", font, ismath=True)
    width, height, depth = width + 1, height + 1, depth + 0.5  # strokes reach past the box
    svg = etree.Element(
        "svg",
        {
            "role": "img",
            "aria-label": tex,
            "viewBox": f"-.5 {depth - height:.2f} {width:.2f} {height:.2f}",
            "style": f"width:{width / SIZE:.2f}em;height:{height / SIZE:.2f}em;vertical-align:{-depth / SIZE:.2f}em",
        },
    )
    etree.SubElement(svg, "path", {"fill": "currentColor", "transform": "scale(1 -1)", "d": outline(f"${tex}$", font)})
    return svg


def outline(text: str, font: FontProperties) -> str:
    """Outlines of set TeX, as the attribute ``d`` of an SVG path."""
    path = TextPath((0, 0), text, prop=font)
    parts = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        coordinates = "" if code == Path.CLOSEPOLY else " ".join(f"{value:.2f}" for value in points)
        parts.append(LETTERS[code] + coordinates)
    return "".join(parts)
