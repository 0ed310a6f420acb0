"""The formulas of `preprocessing.json` give the frames of the pipeline."""

import numpy as np
import pytest

from gsf_tf.data.pipeline.sampling import test_segment_indices as segment_indices
from gsf_tf.export.clip_recipe import ClipRecipe
from gsf_tf.models import from_preset
from tests.export.stranger import positions


# In seven segments, the double of a middle is often just below an integer or just above it.
@pytest.mark.parametrize("num_segments", [7, 8])
def test_frames_of_segments(num_segments):
    model = from_preset("tsn_resnet14thin", 2, num_segments, (32, 32, 3))
    recipe = ClipRecipe().describe(model)
    for frames in range(1, 150):
        np.testing.assert_array_equal(
            positions(frames, recipe), segment_indices(frames, num_segments), str(frames)
        )
