"""Fonts for names in scripts that matplotlib's own font lacks."""

import functools
import warnings

from matplotlib import font_manager, rcParams
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text


def use_installed_fonts(figure):
    """Gives texts with characters that the usual font lacks the fonts of the system that have them.

    Args:
        figure: A matplotlib figure.

    Returns:
        A string of the characters that no font has, and that are drawn as boxes.
    """
    usual = _characters(font_manager.findfont(font_manager.FontProperties()))
    nowhere = set()
    for text in figure.findobj(Text):
        missing = {c for c in text.get_text() if not c.isspace() and ord(c) not in usual}
        if missing:
            families, left = _families_with(frozenset(missing))
            text.set_fontfamily([*rcParams["font.family"], *families])
            nowhere |= left
    return "".join(sorted(nowhere))


def save_figure(figure, path, **options):
    """Writes a figure; boxes in place of characters that no font has are not worth a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(path, **options)


@functools.lru_cache(maxsize=4096)
def _families_with(characters):
    """Returns the families that have the characters, and the characters that none has."""
    families, left = [], set(characters)
    for entry in _candidates():
        if not left:
            break
        found = {c for c in left if ord(c) in _characters(entry.fname)}
        if found:
            families.append(entry.name)
            left -= found
    return families, frozenset(left)


@functools.cache
def _candidates():
    """Returns the upright fonts of usual weight, a sans serif before the others."""
    # matplotlib's font of last resort has a box for every character.
    fonts = (e for e in font_manager.fontManager.ttflist if not e.name.startswith("Last Resort"))
    entries = [e for e in fonts if e.style == "normal"]
    entries = [e for e in entries if e.weight in ("normal", "regular", 400)]
    return sorted(entries, key=lambda e: ("Sans" not in e.name, e.name))


@functools.cache
def _characters(path):
    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # A file that was removed, or is damaged.
        return frozenset()
