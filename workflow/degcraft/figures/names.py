"""Names of rows, extractors, settings and draws as figures print them."""

import re

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
PRINTED = {
    "alexnet-imagenet": "AlexNet ImageNet",
    "alexnet-minc": "AlexNet MINC",
    "alexnet-dtd": "AlexNet DTD",
    "alexnet-random": "AlexNet random",
    "vgg22": "VGG 2,2",
    "vgg54": "VGG 5,4",
    "dasr": "DASR",
    "dct": "DCT",
    "realesrgan": "Real-ESRGAN",
    "realesrgan-usm": "Real-ESRGAN, sharpened truth",
    "bsrgan": "BSRGAN",
}
_NUMBER = r"\d[\d.e+-]*?"
CRAFTED = re.compile(
    rf"(?P<extractor>[^.]+)\.(?:frechet-(?P<alpha>auto|a{_NUMBER})|(?P<kind>mixture|refined|second-order))"
    rf"(?:-f(?P<floor>{_NUMBER}))?"
)


def printed(name: str) -> str:
    """Name of a row, extractor, setting or draw as figures print it.

    Examples
    --------
    >>> printed("vgg22"), printed("dct.frechet-a25"), printed("setting3"), printed("oracle@setting3")
    ('VGG 2,2', 'DCT, α = 25', 'setting 3', 'oracle of setting 3')
    >>> printed("dct.frechet-auto"), printed("traces.refined-f0.2")
    ('DCT, α chosen', 'traces, refined, floor 0.2')
    """
    draw, _, origin = name.partition("@")
    crafted = CRAFTED.fullmatch(draw)
    text = draw
    if crafted:
        alpha = "chosen" if crafted["alpha"] == "auto" else f"= {crafted['alpha'][1:]}" if crafted["alpha"] else ""
        text = f"{printed(crafted['extractor'])}, {crafted['kind'] or f'{ALPHA} {alpha}'}"
        text += f", floor {crafted['floor']}" if crafted["floor"] else ""
    elif draw.removeprefix("setting").isdecimal():
        text = f"setting {draw.removeprefix('setting')}"
    return PRINTED.get(draw, text) + (f" of {printed(origin)}" if origin else "")
