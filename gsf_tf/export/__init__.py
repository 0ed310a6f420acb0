"""Export of models to formats that run without gsf_tf."""

from gsf_tf.export.saved_model import ExportError, export_saved_model, next_version

__all__ = ["ExportError", "export_saved_model", "next_version"]
