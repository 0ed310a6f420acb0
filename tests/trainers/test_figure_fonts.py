from matplotlib import font_manager
from matplotlib.figure import Figure

from trainers import figure_fonts


def figure_with(text):
    figure = Figure()
    figure.text(0.5, 0.5, text)
    return figure


def test_characters_of_the_usual_font_keep_it():
    figure = figure_with("größer Ж α")
    before = figure.texts[0].get_fontfamily()
    assert figure_fonts.use_installed_fonts(figure) == ""
    assert figure.texts[0].get_fontfamily() == before


def test_characters_that_no_font_has_are_named():
    # Two of private use, which the font of last resort draws as boxes.
    figure = figure_with("a\U000f1234 b\U000f1235")
    assert figure_fonts.use_installed_fonts(figure) == "\U000f1234\U000f1235"


def test_another_font_of_the_system_is_taken(monkeypatch):
    """A usual font without the letter Ж, beside the fonts that are installed."""
    usual = font_manager.findfont(font_manager.FontProperties())
    real = figure_fonts._characters
    monkeypatch.setattr(
        figure_fonts,
        "_characters",
        lambda path: real(path) - {ord("Ж")} if path == usual else real(path),
    )
    figure_fonts._families_with.cache_clear()
    figure = figure_with("Ж")
    assert figure_fonts.use_installed_fonts(figure) == ""
    families = figure.texts[0].get_fontfamily()
    assert len(families) > 1
    figure_fonts._families_with.cache_clear()
