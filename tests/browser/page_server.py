"""A web server on this machine for the folder of a page."""

import contextlib
import functools
import http.server
import threading

ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@contextlib.contextmanager
def serving(folder, headers=None):
    """Gives the address under which a folder is served, as `python -m http.server` does.

    Args:
        folder: The folder.
        headers: Further headers of every answer.
    """
    handler = functools.partial(_Handler, headers or {}, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, headers, *arguments, **options):
        self._further = headers
        super().__init__(*arguments, **options)

    def end_headers(self):
        for name, value in self._further.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass
