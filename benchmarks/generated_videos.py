"""Videos that a benchmark makes for itself."""

import numpy as np
from PIL import Image


def make_videos(folder, count):
    """Writes clips of textured shapes that move, as large as those of Something-Something."""
    from gsf_tf.data.demo_clips import render_clip, write_video

    for number in range(count):
        path = folder / f"class{number % 2}" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        name = "moving_left" if number % 2 else "moving_right"
        frames = render_clip(name, np.random.default_rng(number))
        write_video(path, np.stack([Image.fromarray(frame).resize((340, 256)) for frame in frames]))
