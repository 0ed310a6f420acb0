"""Export of models to formats that run without gsf_tf."""

from gsf_tf.export.calibration import calibration_clips
from gsf_tf.export.export_error import ExportError
from gsf_tf.export.export_folder import next_version
from gsf_tf.export.litert import export_litert
from gsf_tf.export.model_card import ModelCard
from gsf_tf.export.onnx_model import export_onnx
from gsf_tf.export.saved_model import export_saved_model
from gsf_tf.export.streaming_litert import export_streaming_litert
from gsf_tf.export.streaming_saved_model import export_streaming_saved_model
from gsf_tf.export.web_page import export_web_page

__all__ = [
    "ExportError",
    "ModelCard",
    "calibration_clips",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "export_streaming_litert",
    "export_streaming_saved_model",
    "export_web_page",
    "next_version",
]
