"""The error of a video that does not come."""


class BrokenConnection(Exception):
    """A reason why frames do not come, without the address.

    Args:
        reason: A phrase without a full stop.
        refused: Whether another try has no sense, because a password is wrong or missing.
    """

    def __init__(self, reason: str, refused: bool = False):
        self.reason, self.refused = reason, refused
        super().__init__(reason)
