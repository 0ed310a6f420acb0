"""Each answer belongs to its frame, also behind a gap and at the end."""

import numpy as np
import pytest
import tensorflow as tf

from gsf_tf.errors import UserError
from gsf_tf.models import from_preset
from gsf_tf.streaming import StreamingModel
from gsf_tf.streaming.sampled_frame import SampledFrame
from gsf_tf.streaming.stream_answers import StreamAnswers
from tests.streaming.test_streaming_model import SIZE, T, build, clips, frame_logits


def sampled(clip):
    return [SampledFrame("a", k, k / 8, 0.0, pixels, None) for k, pixels in enumerate(clip)]


def test_answers_are_those_of_the_clip_before_and_behind_a_gap():
    """The second part is shorter than the look-ahead of 4 frames."""
    model = build("tsm")
    answers = StreamAnswers(StreamingModel(model))
    for clip in (clips(1, T)[0], clips(1, 3)[0]):
        found = [answer for frame in sampled(clip) for answer in answers.add(frame)]
        assert len(found) == max(0, len(clip) - 4)
        found += answers.finish()
        assert [answer.frame.tick for answer in found] == list(range(len(clip)))
        same = build("tsm", len(clip))
        same.set_weights(model.get_weights())
        expected = tf.nn.softmax(frame_logits(same, clip)).numpy()
        np.testing.assert_allclose([a.probabilities for a in found], expected, atol=1e-4)
    assert not list(answers.finish())


def test_the_task_action_counts_and_damaged_weights_are_an_error():
    model = from_preset("tsn_resnet14thin", {"verb": 3, "action": 4}, T, (SIZE, SIZE, 3))
    answers = StreamAnswers(StreamingModel(model))
    (frame,) = sampled(clips(1))
    (answer,) = answers.add(frame)
    assert answer.probabilities.shape == (4,)
    np.testing.assert_allclose(answer.probabilities.sum(), 1)
    model.get_layer("classifier_action").bias.assign([np.nan] * 4)
    with pytest.raises(UserError, match="Logits must be finite numbers"):
        list(answers.add(frame))
