"""What a test does with the static page."""

import json

NEWEST = "#result:visible, #problem:visible"


def open_page(browser, address, **options):
    """Opens the page and waits until the model is loaded, or until it says why it is not."""
    page = browser.open(address, **options)
    ready = page.locator("#status", has_text="The model is ready.")
    ready.or_(page.locator("#problem:visible")).first.wait_for()
    return page


def choose(page, *files):
    """Chooses files and returns what the page complains about, or an empty text."""
    page.set_input_files("#file", files)
    page.locator("body:not(.busy)").wait_for()
    page.locator(NEWEST).first.wait_for()
    return page.inner_text("#problem") if page.is_visible("#problem") else ""


def shown_classes(page):
    """Returns (name, text of the probability) of each line of the list."""
    rows = page.locator("#classes li")
    names = rows.locator(".name").all_inner_texts()
    return list(zip(names, rows.locator(".value").all_inner_texts(), strict=True))


def numbers(page):
    """Returns the file of numbers that the page offers."""
    return json.loads(
        page.evaluate("fetch(document.querySelector('#save').href).then(r => r.text())")
    )
