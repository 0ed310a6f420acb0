"""The loader that the benchmark of the input pipeline compares with, as PyTorch users write it.

Frames are files, PIL decodes, crops and scales them, the workers of a `DataLoader` stack clips.
This module leaves out TensorFlow, which the workers would load.
"""

import os
import pathlib
import random

import numpy as np
import torch
from PIL import Image

SCALES = (1.0, 0.875, 0.75, 0.66)


class FrameFolders(torch.utils.data.Dataset):
    """Clips of a folder with one folder of JPEG frames per video.

    Args:
        root: The folder.
        num_segments: Frames per clip.
        size: Side of the frames that come out.
        repeats: Times that each video is used.
    """

    def __init__(self, root: str, num_segments: int, size: int, repeats: int):
        self.videos = sorted(pathlib.Path(root).iterdir()) * repeats
        self.num_frames = [len(os.listdir(video)) for video in self.videos]
        self.num_segments = num_segments
        self.size = size

    def __len__(self):
        return len(self.videos)

    def __getitem__(self, index):
        average = self.num_frames[index] // self.num_segments
        box, frames = None, []
        for segment in range(self.num_segments):
            number = segment * average + random.randrange(average)
            with Image.open(self.videos[index] / f"{number:05d}.jpg") as image:
                image = image.convert("RGB")
            box = box or _crop(*image.size)
            image = image.crop(box).resize((self.size, self.size), Image.Resampling.BILINEAR)
            frames.append(np.asarray(image))
        return torch.from_numpy(np.stack(frames)), index


def make_loader(root, num_segments, size, repeats, batch_size, workers):
    """Returns a `DataLoader` whose workers stay between epochs."""
    return torch.utils.data.DataLoader(
        FrameFolders(root, num_segments, size, repeats),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )


def _crop(width, height):
    """Draws a multi-scale crop as `gsf_tf.data.pipeline.cropping.training_crop` does."""
    first = random.randrange(len(SCALES))
    second = random.choice([i for i in range(len(SCALES)) if abs(i - first) <= 1])
    box_width, box_height = (int(min(width, height) * SCALES[i]) for i in (first, second))
    quarters = random.choice([(x, y) for x in (0, 2, 4) for y in (0, 2, 4)] +
                           [(x, y) for x in (1, 3) for y in (1, 3)])  # fmt: skip
    left, top = ((width - box_width) // 4 * quarters[0], (height - box_height) // 4 * quarters[1])
    return left, top, left + box_width, top + box_height
