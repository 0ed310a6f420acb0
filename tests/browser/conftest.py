import os

import pytest

REQUIRE_BROWSER = "GSF_TF_REQUIRE_BROWSER"
MISSING = (
    "no page is tested in a browser, because Debian's Chromium is not here: "
    "apt-get install --no-install-recommends chromium"
)


@pytest.fixture(scope="package")
def chromium():
    """A running Chromium and its proxy; without Chromium, the tests are skipped.

    It ends with the tests of this folder: while it runs, `asyncio.run` is refused in this process.
    With GSF_TF_REQUIRE_BROWSER=1 a missing Chromium is a failure.
    """
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
