"""A web server on this machine that serves files, and breaks off on request."""

import contextlib
import http.server
import threading


class FileServer:
    """Serves the bytes of `files` by name, counts requests, and sends the half of `broken` names.

    Attributes:
        files: Dictionary from names to bytes.
        broken: Names of files whose connection ends in the middle.
        requests: The paths that were asked for.
        url: Address, to which `/NAME` is added.
    """

    def __init__(self):
        self.files, self.broken, self.requests = {}, set(), []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    def stop(self):
        """Ends the server; its port refuses connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        files = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                files.requests.append(self.path)
                name = self.path.rpartition("/")[2]
                if name not in files.files:
                    self.send_error(404)
                    return
                content = files.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if name in files.broken else content)

            def log_message(self, *_):
                pass

        return Handler
