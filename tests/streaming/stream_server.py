"""A stream on the loopback interface, in real time, with connections that break."""

import contextlib
import http.server
import io
import socketserver
import threading
import time

import av
import numpy as np

FRAME_RATE = 16
GROUP = 8  # Frames from one key frame to the next.


def moving_picture(number, size=(48, 64)):
    """A picture that differs from those before and after it."""
    height, width = size
    return np.roll(np.arange(height * width * 3) * 7 % 251, 31 * number).reshape(
        height, width, 3
    ).astype("uint8")  # fmt: skip


def transport_stream(frames, sizes=((48, 64),)):
    """An MPEG transport stream without B-frames, and the number of bytes up to each frame's end.

    Args:
        frames: How many; they are shared by the sizes in their order.
        sizes: `(height, width)`.
    """
    data, ends = b"", []
    share = frames // len(sizes)
    for part, size in enumerate(sizes):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mpegts", container_options={"flush_packets": "1"}) as out:
            stream = out.add_stream("libx264", rate=FRAME_RATE)
            stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
            stream.options = {"tune": "zerolatency", "preset": "ultrafast", "g": str(GROUP)}
            for i in range(part * share, (part + 1) * share):
                frame = av.VideoFrame.from_ndarray(moving_picture(i, size), format="rgb24")
                frame.pts = i
                out.mux(stream.encode(frame))
                ends.append(len(data) + buffer.tell())
            out.mux(stream.encode())
        data += buffer.getvalue()
    ends[-1] = len(data)
    return data, ends


class StreamServer:
    """Serves a transport stream over HTTP as a camera does, to one client after the other.

    Frame i is there i / FRAME_RATE seconds after the first connection. A connection begins with the
    key frame before the last frame that was sent.

    Args:
        frames: Number of frames.
        break_at: Frame before which the first connection is closed; None for none.
        password: `user:password` in base 64 that the client must send, None for none.
        silence: Seconds for which a connection says nothing before it is closed.
    """

    def __init__(self, frames, break_at=None, password=None, silence=0.0):
        self._data, self._ends = transport_stream(frames)
        self._break_at, self._password, self._silence = break_at, password, silence
        self._sent, self._start, self.connections = 0, None, 0

    @contextlib.contextmanager
    def running(self):
        """Serves in a thread; the value is the address."""
        serve = self._serve

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                serve(self)

            def log_message(self, *arguments):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        with Server(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/live.ts"
            server.shutdown()

    def _serve(self, request):
        self.connections += 1
        if self._password and request.headers["Authorization"] != f"Basic {self._password}":
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.end_headers()
            return
        if self._sent == len(self._ends):
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Type", "video/mp2t")
        request.end_headers()
        self._start = self._start or time.monotonic()
        first = self._sent // GROUP * GROUP
        breaks = self.connections == 1 and self._break_at is not None
        last = self._break_at if breaks else len(self._ends)
        place = self._ends[first - 1] if first else 0
        with contextlib.suppress(OSError):
            for i in range(first, last):
                time.sleep(max(0.0, self._start + i / FRAME_RATE - time.monotonic()))
                request.wfile.write(self._data[place : self._ends[i]])
                place, self._sent = self._ends[i], max(self._sent, i + 1)
        time.sleep(self._silence)
