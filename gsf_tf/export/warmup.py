"""The warm-up requests of TensorFlow Serving."""

import pathlib

import keras
import tensorflow as tf

from gsf_tf.export.comparison import BATCH_SIZES
from gsf_tf.export.jpeg_clips import JPEG_INPUT
from gsf_tf.required_package import require_package

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup(saved_model: pathlib.Path, model: keras.Model, signatures: list[str]) -> None:
    """Writes requests that the server runs before it reports that the model is available.

    Without them the first request of a client waits while TensorFlow optimizes the graph. The clips
    are black, which a request states by one number, and so are the frames of JPEG files.

    Args:
        saved_model: Folder of the SavedModel.
        model: The model, whose input the clips are.
        signatures: Names of signatures; each gets a request per batch size.

    Raises:
        UserError: If tensorflow-serving-api is not installed.
    """
    require_package("tensorflow_serving", "serving", "Warm-up requests")
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    file = saved_model / WARMUP_FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for name in signatures:
            for size in BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = name
                key = JPEG_INPUT if name == "serve_jpeg" else "clip"
                request.inputs[key].CopyFrom(_black(key, size, *model.input_shape[1:]))
                predict = prediction_log_pb2.PredictLog(request=request)
                log = prediction_log_pb2.PredictionLog(predict_log=predict)
                writer.write(log.SerializeToString())


def _black(key, size, num_segments, height, width, channels):
    """Returns the input of a request: black clips, or their frames as JPEG files."""
    if key == JPEG_INPUT:
        frame = tf.io.encode_jpeg(tf.zeros([height, width, channels], tf.uint8)).numpy()
        return tf.make_tensor_proto(frame, tf.string, [size, num_segments])
    return tf.make_tensor_proto(0, tf.uint8, [size, num_segments, height, width, channels])
