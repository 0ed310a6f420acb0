"""One clip through `model.predict`, and through the ways around it.

  python -m benchmarks.one_clip
  python -m benchmarks.one_clip --presets=gsf_mobilenetv2 --rounds=5

All take the same 8 frames of 224 x 224 from memory, as NumPy, and return NumPy, in turns:

  function        a `tf.function` of the model with a fixed signature, the measure of the others
  predict         `model.predict(clip, verbose=0)`
  on batch        `model.predict_on_batch(clip)`
  Predictor       `gsf_tf.Predictor(model, labels).probabilities(frames)`, with crop and softmax

The times are those by the clock, the ratios the medians of those in the rounds.
"""

import time

import numpy as np
from absl import flags

from benchmarks.interleave import interleave, median_ratio
from benchmarks.quiet_machine import load_line, others_percent
from benchmarks.speed_report import markdown_table
from trainers import cli

_PRESETS = flags.DEFINE_list(
    "presets", ["tsn_resnet50", "gsf_resnet50", "gsf_mobilenetv2"], "Models."
)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds that are timed.", lower_bound=1)
_SIZE = flags.DEFINE_integer("size", 224, "Height and width of a frame.", lower_bound=32)

GOAL = 1.1


def ways(preset, size):
    """Returns functions that send the same clip through a new model, by the names of the ways."""
    import tensorflow as tf

    from gsf_tf import Predictor
    from gsf_tf.data import LabelMap
    from gsf_tf.models import from_preset

    arguments = {"num_classes": 174, "num_segments": 8, "input_shape": (size, size, 3)}
    model = from_preset(preset, **arguments)
    frames = np.random.default_rng(0).integers(0, 256, (8, size, size, 3), np.uint8)
    clip = frames[None]

    @tf.function(autograph=False, input_signature=[tf.TensorSpec(clip.shape, tf.uint8)])
    def function(clip):
        return model(clip, training=False)

    predictor = Predictor(model, LabelMap(map(str, range(174))))
    found = {
        "function": lambda: function(tf.constant(clip)).numpy(),
        "predict": lambda: model.predict(clip, verbose=0),
        "on batch": lambda: model.predict_on_batch(clip),
        "Predictor": lambda: predictor.probabilities(frames),
    }
    logits = found["function"]()
    for name in ("predict", "on batch"):
        np.testing.assert_allclose(found[name](), logits, rtol=1e-2, atol=1e-3)
    return found


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(_):
    print(f"{load_line(others_percent())}\n", flush=True)
    for preset in _PRESETS.value:
        candidates = {
            name: (lambda function=function: timed(function))
            for name, function in ways(preset, _SIZE.value).items()
        }
        seconds, rows = interleave(candidates, _ROUNDS.value, lambda name: None), []
        for name, values in seconds.items():
            ratio = median_ratio(values, seconds["function"])
            goal = f"<= {GOAL}" if name in ("predict", "Predictor") else "-"
            rows.append([preset, name, f"{1000 * np.median(values):.1f}", f"{ratio:.2f}", goal])
        header = ["model", "way", "ms", "x function", "goal"]
        print(f"{markdown_table(header, rows, left=(0, 1))}\n", flush=True)


if __name__ == "__main__":
    cli.run(main)
