from gsf_tf.errors import UserError


class ExportError(UserError):
    """The outputs of the exported model differ, or it does not run on the format's own runtime."""
