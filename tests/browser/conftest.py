import os

import pytest

from gsf_tf.data.demo_clips import write_video
from gsf_tf.errors import UserError
from gsf_tf.export import ModelCard, export_web_page
from gsf_tf.export.page_libraries import PAGE_LIBRARIES
from tests.browser.page_server import serving
from tests.browser.planted_model import LABELS, planted_model, red_to_blue
from tests.browser.web_page import open_page
from tests.shared_folder import shared_folder

REQUIRE_BROWSER = "GSF_TF_REQUIRE_BROWSER"
MISSING = (
    "no page is tested in a browser, because Debian's Chromium is not here: "
    "apt-get install --no-install-recommends chromium"
)

# test_watched_browser.py asks the same proxy for these, while the page of `web_page` is open.
PROVOKED = {"fonts.example.org", "8.8.8.8", "socket.example.org"}


@pytest.fixture(scope="package")
def chromium():
    """A running Chromium and its proxy; without Chromium, the tests are skipped.

    It ends with the tests of this folder: while it runs, `asyncio.run` is refused in this process.
    With GSF_TF_REQUIRE_BROWSER=1 a missing Chromium or Playwright is a failure.
    """
    if os.environ.get(REQUIRE_BROWSER) != "1":
        pytest.importorskip("playwright", reason="pip install 'gsf_tf[browser_test]'")
    from tests.browser.watched_browser import find_chromium, start_chromium

    if find_chromium() is None:
        if os.environ.get(REQUIRE_BROWSER) == "1":
            pytest.fail(f"{REQUIRE_BROWSER}=1, but {MISSING}")
        pytest.skip(MISSING)
    with start_chromium() as browser_and_proxy:
        yield browser_and_proxy


@pytest.fixture
def browser(chromium):
    """A `WatchedBrowser`; a test fails at its end if a page had an error or asked the network."""
    from tests.browser.watched_browser import WatchedBrowser

    watched = WatchedBrowser(*chromium)
    yield watched
    watched.close()
    assert watched.problems() == []


@pytest.fixture(scope="package")
def page_folder(chromium, tmp_path_factory):
    """The static page of the planted model, not to be written to.

    Without a network and without the libraries in the cache, the tests are skipped, or fail with
    GSF_TF_REQUIRE_BROWSER=1.
    """
    try:
        for package in PAGE_LIBRARIES:
            package.file.path()
    except UserError as error:
        if os.environ.get(REQUIRE_BROWSER) == "1":
            raise
        pytest.skip(str(error))

    def make(folder):
        card = ModelCard("Red & <b>blue</b>")
        export_web_page(planted_model(), LABELS, folder, short_side=60, card=card)

    return shared_folder(tmp_path_factory, "page", make)


@pytest.fixture(scope="package")
def page_address(page_folder):
    with serving(page_folder) as address:
        yield address


@pytest.fixture(scope="package")
def web_page(chromium, page_address):
    """The static page on a phone's screen, opened once: each time, the model takes seconds.

    As with `browser`, an error or a request to elsewhere is a failure, at the end of all tests.
    """
    from tests.browser.watched_browser import WatchedBrowser

    watched = WatchedBrowser(*chromium, provoked=PROVOKED)
    yield open_page(watched, page_address, size=(390, 844), color_scheme="dark")
    watched.close()
    assert watched.problems() == []
    assert all(url.startswith((page_address, "blob:", "data:")) for url in watched.requests)


@pytest.fixture(scope="package")
def video(tmp_path_factory):
    """H.264 in MP4, as cameras write it, of the planted model's first class."""
    path = tmp_path_factory.mktemp("videos") / "red to blue.mp4"
    write_video(path, red_to_blue())
    return path
