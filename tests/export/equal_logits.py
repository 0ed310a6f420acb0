"""Equal but for rounding, by the rule that an export is held to."""

import numpy as np

from gsf_tf.export.comparison import random_clips
from gsf_tf.export.rounding import allowed_difference


def assert_equal_logits(model, received, expected, clips=None):
    """Fails if outputs of a model's export differ from the model's by more than rounding does.

    Args:
        model: The model, or another from clips to what is compared.
        received: Array of the export's outputs, of the clips of `expected` or of the first of them.
        expected: Array of the model's.
        clips: Clips on which rounding is tried, uint8 `[N, T, H, W, 3]`; random ones by default.
    """
    expected = np.asarray(expected)
    clips = random_clips(model) if clips is None else clips
    share = allowed_difference(model, clips, {"logits": expected}, [{"logits": received}])
    allowed = share * np.abs(expected).max()
    np.testing.assert_allclose(received, expected[: len(received)], rtol=0, atol=allowed)
