"""Export to formats that run without gsf_tf."""

from gsf_tf.export.saved_model import ExportError, export_saved_model

__all__ = ["ExportError", "export_saved_model"]
