"""What `Predictor` makes of an export, compared with what it makes of the model."""

import numpy as np
import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import Predictor
from gsf_tf.trained import open_model
from tests.export.equal_logits import assert_equal_logits
from tests.export.small_models import LABELS


def check_predictor(export, model):
    """Classifies videos of the same length with both, in views that do not fill the last batch."""
    videos = np.random.default_rng(2).integers(0, 256, (3, 9, 40, 48, 3), np.uint8)
    options = {"num_crops": 3, "batch_size": 2}
    ours = Predictor(model, LABELS, **options).predict(videos)
    predictor = Predictor(export, **options)
    theirs = list(predictor.predict(videos))
    for expected, received in zip(ours, theirs, strict=True):
        assert_equal_logits(model, received.logits[None], expected.logits[None])
        assert received.labels == LABELS
    opened = open_model(export)
    assert opened.is_served and len(opened.sha256) == 64
    with pytest.raises(UserError, match="only the graph for serving it"):
        opened.layers_of  # noqa: B018 - a property that raises.
    with pytest.raises(UserError, match="Features of an export need a SavedModel"):
        list(predictor.predict(videos, features=True))
