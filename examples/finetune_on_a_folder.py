"""Fits an EfficientNet with Gate-Shift-Fuse layers to a folder of videos, with `model.fit`.

The folder has one folder of videos per class, as `my_videos/opening/a.mp4`; a fifth of each class
is held back for validation. The model and the names of the classes are written to the output
folder, the model is loaded from there again, and it names the action in one video.

    python examples/finetune_on_a_folder.py --videos=my_videos --output=my_model

The weights of ImageNet are a download of Keras; `--weights=none` starts from random weights.
"""

import argparse
import math
import pathlib

import keras
import numpy as np

import gsf_tf

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--videos", required=True, help="folder with one folder of videos per class")
parser.add_argument("--output", required=True, help="folder for the model and its class names")
parser.add_argument("--weights", default="imagenet", help="imagenet, none, or a Keras weight file")
parser.add_argument("--num_segments", type=int, default=8, help="frames per clip")
parser.add_argument("--image_size", type=int, default=224, help="height and width in pixels")
parser.add_argument("--batch_size", type=int, default=8, help="clips per step")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--learning_rate", type=float, default=0.01)
args = parser.parse_args()

# ---- Data: uint8 clips [B, num_segments, image_size, image_size, 3] and their classes -----------
size = (args.image_size, args.image_size)
train, val = gsf_tf.data.video_dataset_from_directory(
    args.videos,
    num_segments=args.num_segments,
    batch_size=args.batch_size,
    image_size=size,
    validation_split=0.2,
    subset="both",
)

# ---- Model: a 2D network with a GSF layer in every block, averaged over the frames --------------
weights = None if args.weights == "none" else args.weights
backbone = keras.applications.EfficientNetB0(
    include_top=False, input_shape=(*size, 3), weights=weights
)
backbone = gsf_tf.models.insert_temporal(
    backbone,
    lambda name: gsf_tf.layers.GateShiftFuse(args.num_segments, channel_ratio=0.5, name=name),
)
model = gsf_tf.models.SegmentModel(
    backbone,
    num_classes=len(train.class_names),
    num_segments=args.num_segments,
    # Keras' EfficientNets take pixels in 0..255 and normalize them themselves.
    normalization={"mean": (0, 0, 0), "std": (1, 1, 1)},
)

# ---- Training: GSF paper, section 4.2, as far as `compile` goes ---------------------------------
steps = args.epochs * math.ceil(len(train.file_paths) / args.batch_size)
warmup = steps // 6
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps - warmup, warmup_target=args.learning_rate, warmup_steps=warmup
)
model.compile(
    keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=20.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train, validation_data=val, epochs=args.epochs)

# ---- Save, reload, predict ----------------------------------------------------------------------
output = pathlib.Path(args.output)
output.mkdir(parents=True, exist_ok=True)
model.save(output / "model.keras")
(output / "labels.txt").write_text("\n".join(train.class_names))

reloaded = keras.models.load_model(output / "model.keras")
video = val.file_paths[0]
clip = gsf_tf.data.frames_to_clip(video, args.num_segments, size)
logits = reloaded.predict(clip[None], verbose=0)[0]
print(f"{video}: {train.class_names[np.argmax(logits)]}")
