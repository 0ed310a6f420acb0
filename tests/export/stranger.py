"""Makes the clip of a video as the `preprocessing.json` of an export says, and from nothing else.

Written by somebody who has the export, PyAV and Pillow, and has never seen gsf_tf:
`python stranger.py preprocessing.json VIDEO CLIP.npy`
"""

import functools
import json
import operator
import sys

import av
import numpy as np
from av.video.reformatter import Interpolation
from PIL import Image

# FFmpeg's documentation of its scaler has the names, PyAV others for the same.
FLAGS = {
    "bicubic": Interpolation.BICUBIC,
    "accurate_rnd": Interpolation.ACCURATE_RND,
    "full_chroma_int": Interpolation.FULL_CHR_H_INT,
    "bitexact": Interpolation.BITEXACT,
}


def main(recipe_file, video, clip_file):
    with open(recipe_file) as file:
        recipe = json.load(file)
    flags = functools.reduce(operator.or_, map(FLAGS.get, recipe["scaler_flags"].split("+")))
    frames = []
    with av.open(video) as container:
        for frame in container.decode(video=0):
            scale = min(1, recipe["short_side"] / min(frame.width, frame.height))
            size = round(frame.width * scale), round(frame.height * scale)
            pixels = frame.reformat(*size, "rgb24", interpolation=flags).to_ndarray()
            frames.append(np.rot90(pixels, frame.rotation // 90))
    clip = [box_of(frames[position], recipe) for position in positions(len(frames), recipe)]
    np.save(clip_file, np.stack(clip)[np.newaxis])


def positions(frames, recipe):
    num_segments = recipe["num_segments"]
    if recipe["sampling"] == "segments":
        names, formula = {}, recipe["segment_frame"]
    else:
        step = recipe["frame_stride"]
        window = 64 if step is None else step * num_segments
        names = {"window": window, "stride": max(64 // num_segments, 1) if step is None else step}
        formula = recipe["dense_frame"]
    names |= {"frames": frames, "num_segments": num_segments, "int": int, "max": max}
    return [eval(formula, {**names, "i": i, "__builtins__": {}}) for i in range(num_segments)]


def box_of(pixels, recipe):
    (rows, columns), (height, width) = pixels.shape[:2], recipe["image_size"]
    h = min(rows, columns * height // width)
    w = min(columns, rows * width // height)
    box_h, box_w = round(h * recipe["crop_share"]), round(w * recipe["crop_share"])
    top, left = (rows - box_h) // 2, (columns - box_w) // 2
    box = Image.fromarray(pixels).crop((left, top, left + box_w, top + box_h))
    return np.asarray(box.resize((width, height), Image.BILINEAR))


if __name__ == "__main__":
    main(*sys.argv[1:])
