"""The fixture `browser` itself: it must see what it exists to see."""

import pytest

from tests.browser.page_server import serving


@pytest.fixture
def server(tmp_path):
    """A folder and the address under which it is served."""
    with serving(tmp_path) as address:
        yield tmp_path, address


@pytest.fixture
def watched(chromium):
    """A `WatchedBrowser` at whose end nothing is asserted."""
    from tests.browser.watched_browser import WatchedBrowser

    watched = WatchedBrowser(*chromium)
    yield watched
    watched.close()


def test_a_quiet_page_has_no_problems(browser, server):
    folder, address = server
    (folder / "index.html").write_text("<link rel=icon href='data:,'><p>quiet")
    page = browser.open(address)
    assert page.inner_text("p") == "quiet"
    assert browser.requests[0] == address
    assert browser.problems() == []


def test_errors_and_requests_of_a_page_are_seen(watched, server):
    folder, address = server
    (folder / "index.html").write_text(
        """<link rel=icon href='data:,'><p></p><script type=module>
        console.error("said to the console");
        Promise.reject(new Error("nobody caught this"));
        const away = ["https://fonts.example.org/a.css", "http://8.8.8.8/pixel"];
        new WebSocket("ws://socket.example.org/");
        await Promise.allSettled(away.map((url) => fetch(url, {mode: "no-cors"})));
        document.querySelector("p").textContent = "done";
        </script>"""
    )
    page = watched.open(address)
    page.wait_for_function("document.querySelector('p').textContent === 'done'")
    problems = "\n".join(watched.problems())
    for part in ("said to the console", "nobody caught this"):
        assert part in problems
    outside = " ".join(watched.outside_requests())
    for url in (
        "https://fonts.example.org/a.css",
        "http://8.8.8.8/pixel",
        "ws://socket.example.org/",
    ):
        assert url in outside
    assert "CONNECT fonts.example.org:443" in outside
    for pattern in ("said to", "nobody caught", "Failed to load resource", "WebSocket"):
        watched.expect_error(pattern)
    assert all(line.startswith("left the machine") for line in watched.problems())


def test_an_expected_error_must_come(watched):
    watched.open("about:blank")
    watched.expect_error("never")
    assert watched.problems() == ["this error did not come: never"]
