"""The checks of Keras' settings, at the import of gsf_tf and wherever something is built."""

import json
import os
import pathlib
import sys

from gsf_tf.errors import UserError


def check_keras_settings():
    """Raises UserError if Keras is set to another backend, or to channels first."""
    file = pathlib.Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"
    if "keras" in sys.modules:
        backend = sys.modules["keras"].config.backend()
    else:
        # Keras imports its backend, which may not be installed, so the settings are read first.
        backend = os.environ.get("KERAS_BACKEND") or _read(file).get("backend", "tensorflow")
    if backend != "tensorflow":
        raise UserError(
            f"Keras must have the backend 'tensorflow'. Received: backend={backend!r}. Set "
            f"KERAS_BACKEND=tensorflow, or put it right in {file}."
        )
    import keras

    layout = keras.config.image_data_format()
    if layout != "channels_last":
        raise UserError(
            "Keras must have the image data format 'channels_last'. "
            f"Received: image_data_format={layout!r}. Put it right in {file}, or call "
            "`keras.config.set_image_data_format('channels_last')` before the import."
        )


def check_image_data_format():
    """Raises ValueError if Keras was set to channels first after the import of gsf_tf."""
    import keras

    layout = keras.config.image_data_format()
    if layout != "channels_last":
        raise ValueError(
            "Keras must have the image data format 'channels_last', because the layers and models "
            "of gsf_tf have their channels last. Received: "
            f"image_data_format={layout!r}. Call "
            "`keras.config.set_image_data_format('channels_last')` before one is built."
        )


def _read(file):
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}  # As Keras does.
    return content if isinstance(content, dict) else {}
