"""Puts two `GateShiftFuse` layers into a Keras model of one's own.

The model is an ordinary functional one. `FoldSegments` turns clips `[B, T, H, W, 3]` into frames
`[B * T, H, W, 3]`, which every 2D layer of Keras takes; between them, `GateShiftFuse` lets each
frame see its neighbors; `SegmentConsensus` averages the logits of a clip's frames. The model is
trained for two steps, saved, and loaded again, in 12 seconds of processor time.

    python examples/gate_shift_fuse_in_your_model.py
"""

import pathlib
import tempfile

import keras
import numpy as np

import gsf_tf
from gsf_tf.data.demo_clips import render_clip

NUM_SEGMENTS, SIZE = 8, 64
ACTIONS = ("moving_left", "moving_right")  # The same frames in opposite orders.

# ---- Model --------------------------------------------------------------------------------------
clip = keras.Input((NUM_SEGMENTS, SIZE, SIZE, 3), name="clip")
x = gsf_tf.layers.FoldSegments()(clip)
x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
for block, filters in enumerate((16, 32), start=1):
    x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", name=f"conv{block}")(x)
    # Between convolution and normalization, as in the paper's networks; half of the channels.
    x = gsf_tf.layers.GateShiftFuse(NUM_SEGMENTS, channel_ratio=0.5, name=f"gsf{block}")(x)
    x = keras.layers.BatchNormalization(name=f"bn{block}")(x)
    x = keras.layers.ReLU()(x)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dense(len(ACTIONS), name="classifier")(x)
logits = gsf_tf.layers.SegmentConsensus(NUM_SEGMENTS)(x)
model = keras.Model(clip, logits)
model.summary()

# ---- Two steps of training on 16 generated clips ------------------------------------------------
rng = np.random.default_rng(0)
labels = np.arange(16) % len(ACTIONS)
clips = np.stack(
    [
        gsf_tf.data.frames_to_clip(render_clip(ACTIONS[i], rng), NUM_SEGMENTS, (SIZE, SIZE))
        for i in labels
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(clips, labels, batch_size=8, epochs=1)

# ---- Save and reload ----------------------------------------------------------------------------
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "model.keras"
    model.save(path)
    reloaded = keras.models.load_model(path)  # `import gsf_tf` has made its layers known to Keras.
difference = np.abs(reloaded.predict(clips, verbose=0) - model.predict(clips, verbose=0)).max()
print(f"The reloaded model's logits differ by at most {difference:.1e}.")
