"""The colours of the page, computed: contrasts as WCAG 2.2 asks for them, and how far colours stay apart."""

import math
import re
from importlib.resources import files
from itertools import combinations

import pytest

TEXT, LARGE = 4.5, 3.0
# Colours that stand beside each other in one chart and mean something.
STATUSES = ("delivered", "failed", "pending")
LINES = ("delivered", "read", "failed")
SURFACES = ("page", "surface", "raised")
# Distances in CIELAB; about 2.3 is just noticeable side by side, 20 is plainly another colour.
APART = 20.0
# Machado, Oliveira, Fernandes 2009, severity 1.0, over linear RGB.
SIGHTS = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}

Colour = tuple[float, float, float]


def palette(theme: str) -> dict[str, Colour]:
    """Every colour of tokens.css in one theme, linear RGB."""
    text = files("dashboards.page").joinpath("static", "tokens.css").read_text()
    found = re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    return {name: linear(light if theme == "light" else dark) for name, light, dark in found}


def linear(text: str) -> Colour:
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue))  # type: ignore[return-value]


def contrast(one: Colour, other: Colour) -> float:
    lights = [0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05 for red, green, blue in (one, other)]
    return max(lights) / min(lights)


def lab(colour: Colour) -> Colour:
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = (sum(a * b for a, b in zip(row, colour, strict=True)) / most for row, most in zip(rows, white, strict=True))
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour: Colour, sight: str) -> Colour:
    mixed = (sum(a * b for a, b in zip(row, colour, strict=True)) for row in SIGHTS[sight])
    return tuple(min(1.0, max(0.0, part)) for part in mixed)  # type: ignore[return-value]


def distance(one: Colour, other: Colour) -> float:
    return math.dist(lab(one), lab(other))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_have_enough_contrast_on_every_surface(theme: str) -> None:
    colours = palette(theme)
    pairs = [(word, surface) for word in ("ink", "ink-soft", "accent", "red", "amber") for surface in SURFACES]
    pairs += [("accent-ink", "accent"), ("red", "red-wash"), ("amber", "amber-wash"), ("ink", "accent-wash")]
    pairs += [("ink", "red-wash")]
    low = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < TEXT} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_bars_and_frames_have_enough_contrast(theme: str) -> None:
    colours = palette(theme)
    drawn = [
        "delivered",
        "read",
        "failed",
        "pending",
        "sent",
        "received",
        *(f"other-{number}" for number in range(1, 9)),
    ]
    drawn += ["control-line", "high"]
    low = {name: round(contrast(colours[name], colours["surface"]), 2) for name in drawn}
    assert {name: value for name, value in low.items() if value < LARGE} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_with_a_meaning_differ_also_for_colour_blind_readers(theme: str, sight: str) -> None:
    colours = palette(theme)
    for group in (STATUSES, LINES):
        for one, other in combinations(group, 2):
            apart = distance(seen(colours[one], sight), seen(colours[other], sight))
            assert apart > APART, (one, other, round(apart, 1))


def test_the_style_sheets_use_only_these_colours() -> None:
    folder = files("dashboards.page").joinpath("static")
    known = set(palette("light"))
    for sheet in ("layout", "controls", "panels", "tables"):
        text = folder.joinpath(f"{sheet}.css").read_text()
        assert not re.search(r"#[0-9a-f]{3,8}\b", text), sheet
        used = set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) - {
            "gap",
            "edge",
            "radius",
            "font",
            "mono",
            "part",
            "lines",
        }
        assert used <= known, sheet
