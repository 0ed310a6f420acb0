"""A proxy that lets nothing through and writes down who was asked for."""

import socketserver
import threading


class RecordingProxy:
    """Answers every request of a browser with "forbidden" and keeps its first line.

    A browser sends all that is not for loopback to its proxy, also what belongs to no page.

    Attributes:
        asked: The first lines, such as `CONNECT fonts.example.org:443 HTTP/1.1`.
        address: Its `http://host:port`.
    """

    def __init__(self):
        self.asked = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = "http://{}:{}".format(*self._server.server_address)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def _handler(self):
        asked = self.asked

        class Refusal(socketserver.StreamRequestHandler):
            def handle(self):
                line = self.rfile.readline(10_000)
                if line:
                    asked.append(line.decode("latin-1").strip())
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        return Refusal

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
