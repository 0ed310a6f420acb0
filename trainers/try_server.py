"""The server behind the page of `gsf-tf try`, for this machine by default."""

import contextlib
import ipaddress
import json
import logging
import pathlib
import re
import shutil
import socket
import tempfile
import threading
import urllib.parse
import webbrowser

import flask
from werkzeug import exceptions, serving

from gsf_tf.errors import UserError, VideoError
from gsf_tf.evaluation.decoding_pool import OF_A_VIDEO

from .watch_loop import SignalStop

PAGE = pathlib.Path(__file__).with_name("try_page")
MEGABYTE = 2**20
# Whatever the page shows comes from this server, or was made in the page.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Another page in the same browser cannot send a body of this type without being asked first.
BODY = "application/octet-stream"
LAST_CLIP_SECONDS = 10
SILENT_SECONDS = 60
ENDED = (
    "The command must run until the answer is complete. Received: its end. Start gsf-tf try again."
)


class TryServer:
    """Serves the page and answers for the clips that are sent to it.

    Args:
        host: Address or name of this machine.
        port: Port, 0 for any that is free.
        max_upload_mb: Largest file in units of 2**20 bytes.

    Attributes:
        address: Address of the page.
        warning: A sentence if other machines can open it, None otherwise.

    Raises:
        UserError: If the address is not this machine's, or the port is in use.
    """

    def __init__(self, host, port, max_upload_mb):
        self._host, self._max_upload_mb = host, max_upload_mb
        self._socket = _listen(host, port)
        self._ip, self._port = self._socket.getsockname()[:2]
        ip = ipaddress.ip_address(self._ip)
        name = "localhost" if ip.is_unspecified else f"[{ip}]" if ip.version == 6 else str(ip)
        self.address = f"http://{name}:{self._port}/"
        self.warning = None
        if not ip.is_loopback:
            self.warning = (
                f"Everybody who reaches {host} can open the page, without a password, and send "
                "files to the models. --host=127.0.0.1 keeps it to this machine."
            )

    def serve(self, models, open_browser=False):
        """Answers until Ctrl-C or SIGTERM.

        Args:
            models: List of `TriedModel`.
            open_browser: Whether to show the page in the browser.
        """
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # Not a line for each request.
        with tempfile.TemporaryDirectory(prefix="gsf_tf_try_") as folder:
            self._serve(models, folder, open_browser)

    def _serve(self, models, folder, open_browser):
        busy, ended = threading.Lock(), threading.Event()
        app = make_app(models, self._max_upload_mb, folder, self._host, busy, ended)
        file, kind = self._socket.fileno(), {"threaded": True, "request_handler": _Handler}
        server = serving.make_server(self._ip, self._port, app, fd=file, **kind)
        # `shutdown` waits for the loop, which the signal has interrupted.
        stop = threading.Thread(target=server.shutdown)
        with SignalStop(stop.start):
            if open_browser:
                webbrowser.open(self.address)
            server.serve_forever()
        # Before models are closed: one that answers would start its decoder again.
        ended.set()
        # The interpreter must not end in the middle of a step of a model.
        for model in models:
            model.close()
        busy.acquire(timeout=LAST_CLIP_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._socket.close()


class _Handler(serving.WSGIRequestHandler):
    """Gives up a client that says nothing in the middle of a request."""

    timeout = SILENT_SECONDS

    def log_error(self, format, *args):
        if not any(isinstance(value, TimeoutError) for value in args):
            super().log_error(format, *args)


def make_app(models, max_upload_mb, folder, host="localhost", busy=None, ended=None):
    """Returns the Flask application.

    Args:
        models: List of `TriedModel`.
        max_upload_mb: Largest file in units of 2**20 bytes.
        folder: Folder for files that are uploaded, each until its answer is complete.
        host: Name of this machine that requests may use beside `localhost` and addresses.
        busy: Lock that the clip in work holds.
        ended: Event after which no model begins with a clip.
    """
    app = flask.Flask(__name__, static_folder=str(PAGE), static_url_path="/page")
    app.config["MAX_CONTENT_LENGTH"] = max_upload_mb * MEGABYTE
    busy, ended = busy or threading.Lock(), ended or threading.Event()

    @app.before_request
    def check_host():
        if not _is_own_name(flask.request.host, host):
            flask.abort(
                403,
                "The address must have the name localhost, that of this machine, or an IP address. "
                f"Received: {flask.request.host!r}. Open the address that gsf-tf try has printed.",
            )

    @app.after_request
    def add_headers(response):
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(exceptions.HTTPException)
    def tell(error):
        return flask.Response(f"{error.description}\n", error.code, mimetype="text/plain")

    @app.get("/")
    def page():
        return flask.send_file(PAGE / "index.html")

    @app.get("/models")
    def about():
        return {
            "models": [{"name": model.name, "detail": model.detail} for model in models],
            "max_bytes": max_upload_mb * MEGABYTE,
        }

    @app.post("/clips")
    def answer():
        if flask.request.mimetype != BODY:
            received = flask.request.mimetype
            flask.abort(415, f"A clip must be sent as {BODY}. Received: {received!r}.")
        name = flask.request.args.get("name", "clip")
        with contextlib.ExitStack() as stack:
            path = stack.enter_context(_received(folder, name))
            kept = stack.pop_all()
        lines = (f"{json.dumps(event)}\n" for event in _answers(models, path, name, busy, ended))
        response = flask.Response(lines, mimetype="application/x-ndjson")
        response.call_on_close(kept.close)
        return response

    return app


def _answers(models, path, name, busy, ended):
    """Yields the events of all models for a clip; an event without `model` is the last one."""
    with busy:
        for number, model in enumerate(models):
            if ended.is_set():
                yield {"error": ENDED}
                return
            try:
                for event in model.answer(path):
                    yield {"model": number, **event}
            except OF_A_VIDEO as error:
                # The file has a name of the server's; the user knows it by another.
                text = str(error).replace(path, name)
                if isinstance(error, VideoError):  # No other model can read it.
                    yield {"error": text}
                    return
                yield {"model": number, "error": text}


@contextlib.contextmanager
def _received(folder, name):
    """Writes the body of the request into a file, and removes it at the end."""
    ending = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=ending[0] if ending else "") as file:
        shutil.copyfileobj(flask.request.stream, file, MEGABYTE)
        file.flush()
        yield file.name


def _is_own_name(host, own):
    """Returns whether the header Host is an IP address or a name of this machine.

    A page of the web whose name was made to lead here ("DNS rebinding") has neither.
    """
    try:
        name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in {"localhost", own.lower(), socket.gethostname().lower()}:
        return True
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


def _listen(host, port):
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise UserError(
            "`host` must be an address of this machine, and `port` one that is free and allowed. "
            f"Received: host={host}, port={port} ({error.strerror}). Give another port, or 0 for "
            "any."
        ) from error
