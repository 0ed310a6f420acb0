"""Fits an EfficientNet with Gate-Shift-Fuse layers to a folder of videos, with `model.fit`.

The folder has one folder of videos per class, as my_videos/opening/a.mp4; a fifth of each class is
held back. The model is saved, with its class names beside it, loaded again, and names one video.

    python examples/finetune_on_a_folder.py --videos=my_videos --output=my_model.keras

Keras downloads the ImageNet weights; `--weights=none` does without. With 60 generated videos,
`--weights=none --image_size=64 --num_segments=4 --epochs=2` it took 74 seconds of processor time.
"""

import argparse
import pathlib

import keras
import numpy as np

import gsf_tf

BATCH_SIZE, LEARNING_RATE = 8, 0.01
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--videos", required=True, help="folder with one folder of videos per class")
parser.add_argument("--output", required=True, help="file for the model, NAME.keras")
parser.add_argument("--weights", default="imagenet", help="imagenet, none, or a Keras weight file")
parser.add_argument("--num_segments", type=int, default=8, help="frames per clip")
parser.add_argument("--image_size", type=int, default=224, help="height and width in pixels")
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()

# ---- Data: uint8 clips [B, num_segments, image_size, image_size, 3] and their classes -----------
size = (args.image_size, args.image_size)
train, val = gsf_tf.data.video_dataset_from_directory(
    args.videos,
    num_segments=args.num_segments,
    batch_size=BATCH_SIZE,
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
steps = args.epochs * (len(train.file_paths) // BATCH_SIZE + 1)
warmup = steps // 6
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps - warmup, warmup_target=LEARNING_RATE, warmup_steps=warmup
)
model.compile(
    keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=20.0),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train, validation_data=val, epochs=args.epochs)

# ---- Save, reload, predict ----------------------------------------------------------------------
model.save(args.output)
pathlib.Path(args.output).with_suffix(".txt").write_text("\n".join(train.class_names))

reloaded = keras.models.load_model(args.output)
video = val.file_paths[0]
clip = gsf_tf.data.frames_to_clip(video, args.num_segments, size)
logits = reloaded.predict(clip[None], verbose=0)[0]
print(f"{video}: {train.class_names[np.argmax(logits)]}")
