"""Debian's Chromium, of which a test sees every error and every request that leaves the machine."""

import contextlib
import re
import shutil
from collections.abc import Iterator, Set

from playwright import sync_api

from tests.browser.recording_proxy import RecordingProxy

# A sandbox is refused to root; the pages are our own. A camera of a moving picture and no question
# whether it may be used; WebRTC must not go around the proxy.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--use-fake-device-for-media-stream",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)


def find_chromium() -> str | None:
    """Returns the path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


# Milliseconds to wait for what must come; a machine with other work needs long for a page.
PATIENCE = 120_000
# Chromium's own services ask for these, whatever the page is. A page that did would be seen too, as
# its requests are listed by the page.
OF_CHROMIUM = {
    "accounts.google.com",
    "clients2.google.com",
    "content-autofill.googleapis.com",
    "edgedl.me.gvt1.com",
    "optimizationguide-pa.googleapis.com",
    "redirector.gvt1.com",
    "safebrowsing.googleapis.com",
    "update.googleapis.com",
}
LOCAL = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost|\[::1\])[:/]|(about|blob|data|file):")


@contextlib.contextmanager
def start_chromium() -> Iterator[tuple[sync_api.Browser, RecordingProxy]]:
    """Gives a browser without a window, and the proxy that stands before the network."""
    proxy = RecordingProxy()
    flags = [*FLAGS, f"--proxy-server={proxy.address}"]
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
            try:
                yield browser, proxy
            finally:
                browser.close()
    finally:
        proxy.close()


class WatchedBrowser:
    """Opens pages for one test, and lists what went wrong in them.

    Args:
        browser: As `start_chromium` gives it.
        proxy: As `start_chromium` gives it.
        provoked: Hosts for which pages of other tests ask the proxy meanwhile.

    Attributes:
        requests: URLs of all requests of the pages, in order.
    """

    def __init__(
        self,
        browser: sync_api.Browser,
        proxy: RecordingProxy,
        provoked: Set[str] = frozenset(),
    ):
        self.requests = []
        self._browser, self._proxy = browser, proxy
        self._ignored = OF_CHROMIUM | provoked
        self._asked_before = len(proxy.asked)
        self._errors, self._expected, self._contexts = [], [], []

    def open(self, url: str, *, size=(1280, 800), **options) -> sync_api.Page:
        """Opens a page in a profile of its own.

        Args:
            url: Its address.
            size: Width and height of the window in pixels.
            **options: Of Playwright's `Browser.new_context`: `color_scheme="dark"`,
                `permissions=["camera"]`, ...
        """
        width, height = size
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, service_workers="block", **options
        )
        context.set_default_timeout(PATIENCE)
        context.set_default_navigation_timeout(PATIENCE)
        self._contexts.append(context)
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("page", lambda page: page.on("websocket", self._keep_socket))
        context.on("console", self._keep_console_error)
        context.on("weberror", lambda web_error: self._errors.append(str(web_error.error)))
        page = context.new_page()
        page.goto(url)
        return page

    def expect_error(self, pattern: str) -> None:
        """Takes console errors that match the regular expression for what the test provokes.

        At least one must come.
        """
        self._expected.append(pattern)

    def problems(self) -> list[str]:
        """Returns errors, expected errors that did not come, and requests that left the machine."""
        expected = {pattern: False for pattern in self._expected}
        found = []
        for error in self._errors:
            matching = [pattern for pattern in expected if re.search(pattern, error)]
            expected.update(dict.fromkeys(matching, True))
            found += [] if matching else [f"error: {error}"]
        found += [f"this error did not come: {p}" for p, came in expected.items() if not came]
        return found + [f"left the machine: {line}" for line in self.outside_requests()]

    def outside_requests(self) -> list[str]:
        """Returns the requests that were not for this machine, of the pages and of the proxy."""
        asked = self._proxy.asked[self._asked_before :]
        of_pages = [url for url in self.requests if not LOCAL.match(url)]
        return of_pages + [line for line in asked if _host(line) not in self._ignored]

    def close(self) -> None:
        """Closes the pages."""
        for context in self._contexts:
            context.close()

    def _keep_socket(self, socket):
        self.requests.append(socket.url)

    def _keep_console_error(self, message):
        if message.type == "error":
            self._errors.append(f"{message.text} ({message.location.get('url', '')})")


def _host(line):
    """Returns the host of the first line of a request to a proxy."""
    address = line.split()[1].removeprefix("http://")
    return re.split("[:/]", address)[0]
