"""Small models as the page of `gsf-tf try` has them, and their page on a port of this machine."""

import contextlib
import threading

import keras
import numpy as np
from werkzeug.serving import make_server

from gsf_tf.data import LabelMap
from gsf_tf.evaluation import Predictor
from gsf_tf.models import from_preset
from trainers.tried_model import TriedModel
from trainers.try_server import make_app

SEGMENTS, SIDE = 4, 32


def small_model(preset, num_classes, seed=0):
    """Returns a network whose classes differ much, though it has learned nothing."""
    keras.utils.set_random_seed(seed)
    model = from_preset(preset, num_classes, num_segments=SEGMENTS, input_shape=(SIDE, SIDE, 3))
    kernel = model.get_layer("classifier").kernel
    kernel.assign(np.random.default_rng(seed).normal(size=kernel.shape))
    return model


def small_predictor(preset, names, seed=0):
    """Returns a `Predictor` of a small model, which decodes in this process."""
    return Predictor(small_model(preset, len(names), seed), LabelMap(names))


def tried(predictor, top=5):
    """Returns a `TriedModel` of a `Predictor`."""
    return TriedModel(predictor.model.name, predictor, top)


@contextlib.contextmanager
def served(models, folder, max_upload_mb=1):
    """Serves the page from a thread and gives its address."""
    app = make_app(models, max_upload_mb, folder)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
