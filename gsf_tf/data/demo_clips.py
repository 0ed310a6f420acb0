"""Generates the demo's dataset: H.264 clips of moving, growing and turning textured shapes.

The classes form pairs, and each class of a pair is the time reversal of the other: a clip of the
second class is a clip of the first one played backwards. So the frames without their order do not
tell the two classes apart, and a model without temporal interaction can only guess between them.
The GSF paper has this point in section 4.6 and Figure 7, with the pairs that TSN confuses.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import zlib
from collections.abc import Callable, Iterator, Sequence

import av
import numpy as np

from gsf_tf.data.video.decoding_process import DecodingContext

FRAME_RATE = 24
HEIGHT, WIDTH = 84, 112


@dataclasses.dataclass
class Pose:
    """The position and shape of an actor at one moment.

    Lengths are fractions of the frame's height. `angle` is in radians, clockwise on the screen.
    `stretch` lengthens the actor along this angle.
    """

    x: float
    y: float
    scale: float = 1.0
    angle: float = 0.0
    opacity: float = 1.0
    stretch: float = 1.0


@dataclasses.dataclass(frozen=True)
class ActionPair:
    """Two classes, each of which is the time reversal of the other.

    `poses(rng)` draws the parameters of one clip and returns a function from the phase of the
    action (0..1) to the pose of every actor.
    """

    forward: str
    backward: str
    poses: Callable[[np.random.Generator], Callable[[float], list[Pose]]]


def _travel(axis):
    def draw(rng):
        distance = rng.uniform(0.4, 0.62)
        across = rng.uniform(-0.2, 0.2)
        middle = rng.uniform(-0.04, 0.04)
        angle = rng.uniform(0, 2 * np.pi)

        def poses(phase):
            along = middle + (phase - 0.5) * distance
            x, y = (along, across) if axis == "x" else (across, along)
            return [Pose(x, y, angle=angle)]

        return poses

    return draw


def _grow(rng):
    x, y = rng.uniform(-0.15, 0.15, 2)
    small, large = rng.uniform(0.35, 0.55), rng.uniform(1.35, 1.75)
    angle = rng.uniform(0, 2 * np.pi)
    return lambda phase: [Pose(x, y, scale=small + (large - small) * phase, angle=angle)]


def _rotate(rng):
    x, y = rng.uniform(-0.12, 0.12, 2)
    start, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.8) * np.pi
    scale, stretch = rng.uniform(0.9, 1.2), rng.uniform(1.7, 2.3)
    return lambda phase: [Pose(x, y, scale, start + sweep * phase, stretch=stretch)]


def _approach(rng):
    x, y = rng.uniform(-0.08, 0.08, 2)
    direction = rng.uniform(0, 2 * np.pi)
    far, near = rng.uniform(0.3, 0.38), rng.uniform(0.06, 0.1)
    angles = rng.uniform(0, 2 * np.pi, 2)
    dx, dy = np.cos(direction), np.sin(direction)

    def poses(phase):
        reach = far + (near - far) * phase
        return [
            Pose(x + side * reach * dx, y + side * reach * dy, 0.8, angle)
            for side, angle in zip((1, -1), angles, strict=True)
        ]

    return poses


def _appear(rng):
    x, y = rng.uniform(-0.2, 0.2, 2)
    angle, scale = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.4)
    return lambda phase: [Pose(x, y, scale=scale, angle=angle, opacity=phase)]


ACTION_PAIRS = (
    ActionPair("moving_right", "moving_left", _travel("x")),
    ActionPair("moving_down", "moving_up", _travel("y")),
    ActionPair("growing", "shrinking", _grow),
    ActionPair("rotating_clockwise", "rotating_counterclockwise", _rotate),
    ActionPair("coming_together", "moving_apart", _approach),
    ActionPair("appearing", "disappearing", _appear),
)
CLASS_NAMES = tuple(sorted(name for p in ACTION_PAIRS for name in (p.forward, p.backward)))


def _find(action: str) -> tuple[ActionPair, bool]:
    for pair in ACTION_PAIRS:
        if action in (pair.forward, pair.backward):
            return pair, action == pair.backward
    raise ValueError(
        f"`action` must be one of {', '.join(CLASS_NAMES)}. Received: action={action!r}"
    )


def pixel_grid() -> tuple[np.ndarray, np.ndarray]:
    """Returns x and y of every pixel, `[H, W]`, in heights of the frame from its center."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return (x - (WIDTH - 1) / 2) / HEIGHT, (y - (HEIGHT - 1) / 2) / HEIGHT


def smooth_noise(rng, cells: int) -> np.ndarray:
    """Low-frequency color noise in -1..1, bilinearly enlarged from `cells` cells."""
    coarse = rng.uniform(-1, 1, (cells + 1, cells + 1, 3)).astype(np.float32)
    rows, columns = np.linspace(0, cells, HEIGHT), np.linspace(0, cells, WIDTH)
    r, c = np.minimum(rows.astype(int), cells - 1), np.minimum(columns.astype(int), cells - 1)
    fr, fc = (rows - r)[:, None, None], (columns - c)[None, :, None]
    top = coarse[r][:, c] * (1 - fc) + coarse[r][:, c + 1] * fc
    bottom = coarse[r + 1][:, c] * (1 - fc) + coarse[r + 1][:, c + 1] * fc
    return (top * (1 - fr) + bottom * fr).astype(np.float32)


class Sprite:
    """A textured shape: a signed distance and a two-color pattern in local coordinates.

    Args:
        rng: Source of the kind, the pattern and the colors.
        background: Image `[H, W, 3]` from whose mean the colors keep apart.
        size: Radius, in heights of the frame.
    """

    def __init__(self, rng, background: np.ndarray, size: float):
        self.kind = rng.choice(["disc", "square", "triangle", "cross"])
        self.pattern = rng.choice(["stripes", "checks", "halves"])
        self.frequency = rng.uniform(1.0, 2.0)
        self.size = size
        mean = background.mean((0, 1))
        first = np.where(mean > 127, rng.uniform(0, 70, 3), rng.uniform(185, 255, 3))
        second = rng.uniform(0, 255, 3)
        while np.abs(first - second).sum() < 200:
            second = rng.uniform(0, 255, 3)
        self.colors = first.astype(np.float32), second.astype(np.float32)

    def _distance(self, u, v):
        if self.kind == "disc":
            return np.hypot(u, v) - 1
        if self.kind == "square":
            return np.maximum(abs(u), abs(v)) - 0.85
        if self.kind == "triangle":
            return np.maximum(abs(u) * 0.866 + v * 0.5, -v) - 0.6
        arm, width = 1.0, 0.42
        horizontal = np.maximum(abs(u) - arm, abs(v) - width)
        return np.minimum(horizontal, np.maximum(abs(v) - arm, abs(u) - width))

    def _second_color(self, u, v):
        if self.pattern == "stripes":
            return np.sin(np.pi * self.frequency * (u + 0.3)) > 0.2
        if self.pattern == "checks":
            period = np.pi * self.frequency
            return np.sin(period * (u + 0.25)) * np.sin(period * (v + 0.1)) > 0
        return u > 0.15

    def draw(self, image: np.ndarray, grid, pose: Pose) -> None:
        """Blends the sprite into `image` (float32 [H, W, 3]) in place."""
        x, y = grid[0] - pose.x, grid[1] - pose.y
        radius = self.size * pose.scale
        cos, sin = np.cos(pose.angle), np.sin(pose.angle)
        u = (cos * x + sin * y) / (radius * pose.stretch)
        v = (cos * y - sin * x) / radius
        pixel = 1 / (HEIGHT * radius)
        mask = np.clip(0.5 - self._distance(u, v) / pixel, 0, 1) * pose.opacity
        color = np.where(self._second_color(u, v)[..., None], *self.colors[::-1])
        image += mask[..., None].astype(np.float32) * (color - image)


def render_clip(action: str, rng: np.random.Generator) -> np.ndarray:
    """Draws one clip of an action.

    Args:
        action: Class name, one of `CLASS_NAMES`.
        rng: Source of all random values: background, colors, shapes, speed, start, distractors,
            noise and the number of frames (24 to 40).

    Returns:
        uint8 RGB frames `[T, 84, 112, 3]`.

    Raises:
        ValueError: If `action` is not a class name.
    """
    pair, backward = _find(action)
    grid = pixel_grid()
    base = rng.uniform(50, 205, 3).astype(np.float32)
    background = base + 35 * smooth_noise(rng, 3) + 18 * smooth_noise(rng, 12)
    for _ in range(rng.integers(0, 3)):
        edge, along = rng.choice([-1, 1]), rng.uniform(-0.5, 0.5)
        pose = Pose(edge * rng.uniform(0.42, 0.6), along, angle=rng.uniform(0, 2 * np.pi))
        Sprite(rng, background, rng.uniform(0.05, 0.09)).draw(background, grid, pose)

    poses = pair.poses(rng)
    num_frames = int(rng.integers(24, 41))
    # A clip shows most of the action, but not always its start or its end, at a random pace. For
    # the second class of a pair, the loop below runs backwards.
    start, stop = rng.uniform(0, 0.12), rng.uniform(0.88, 1)
    pace = rng.uniform(0.8, 1.25)
    phases = start + (stop - start) * np.linspace(0, 1, num_frames) ** pace
    size = rng.uniform(0.13, 0.18)
    sprites = [Sprite(rng, background, size) for _ in poses(0.0)]
    noise = rng.uniform(2, 8)
    frames = []
    for phase in phases[::-1] if backward else phases:
        image = background.copy()
        for sprite, pose in zip(sprites, poses(float(phase)), strict=True):
            sprite.draw(image, grid, pose)
        image += noise * rng.standard_normal(image.shape, dtype=np.float32)
        frames.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(frames)


def write_video(path: str | os.PathLike, frames: np.ndarray, frame_rate: int = FRAME_RATE) -> None:
    """Encodes uint8 RGB frames `[T, H, W, 3]` (even sizes) as an H.264 mp4 file.

    Raises:
        OSError: If the file cannot be written; no part of it is left.
    """
    path = pathlib.Path(path)
    partial = path.with_suffix(".partial")
    try:
        _encode(partial, frames, frame_rate)
        partial.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _encode(path, frames, frame_rate):
    # After `file:` all is a name; without it, FFmpeg takes `12:30.mp4` for an address.
    name = f"file:{os.path.abspath(path)}"
    with av.open(name, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {
            "crf": "20",
            "preset": "veryfast",
            # The same bytes on every machine, at every load.
            "x264-params": "threads=1:cpu-independent=1",
        }
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _write_clip(path: pathlib.Path, action: str, seed: tuple[int, ...], render: Callable) -> None:
    write_video(path, render(action, np.random.default_rng(seed)))


def generate_clips(
    directory: str | os.PathLike,
    clips_per_class: dict[str, int],
    seed: int = 0,
    workers: int | None = None,
    class_names: Sequence[str] = CLASS_NAMES,
    render: Callable[[str, np.random.Generator], np.ndarray] = render_clip,
) -> Iterator[tuple[int, int]]:
    """Writes `directory/<split>/<class>/<number>.mp4` in parallel processes.

    Every clip has a seed of its own, which is made of (seed, split, class, number). So the same
    call writes the same clips with any number of workers. Clips that exist already are kept, so
    that an interrupted call can be repeated to continue.

    Args:
        directory: Folder of the splits.
        clips_per_class: For each split, the number of clips of each class, such as
            `{"train": 40, "val": 15}`.
        seed: Non-negative integer.
        workers: Number of processes; by default the number of cores.
        class_names: Names of the classes.
        render: Function like `render_clip` that draws a clip of a class, defined at the top of a
            module, so that the processes can import it.

    Yields:
        `(done, total)`, numbers of clips, for a progress bar.
    """
    directory = pathlib.Path(directory)
    jobs = []
    for split, count in clips_per_class.items():
        for action in class_names:
            folder = directory / split / action
            folder.mkdir(parents=True, exist_ok=True)
            stream = zlib.crc32(f"{split}/{action}".encode())
            jobs += [(folder / f"{i:04d}.mp4", action, (seed, stream, i)) for i in range(count)]
    todo = [job for job in jobs if not job[0].exists()]
    done = len(jobs) - len(todo)
    yield done, len(jobs)
    workers = workers or os.cpu_count()
    with concurrent.futures.ProcessPoolExecutor(workers, DecodingContext()) as pool:
        futures = [pool.submit(_write_clip, *job, render) for job in todo]
        for future in concurrent.futures.as_completed(futures):
            future.result()
            done += 1
            yield done, len(jobs)
