"""Clips whose class is the motion of one shape, while two others move the other way.

Three shapes move along one axis on tracks of their own: one shows the action, two are distractors
that move in the opposite direction. In the classes `marked_*`, the shape of the action has a
pattern of black and white, the distractors have one color, and all are equally fast. In the classes
`slow_*`, all three look alike, and the shape of the action moves at a third of the others' speed.
The classes form pairs, and a clip of one is a clip of the other played backwards. So frames without
their order do not tell the two apart, and a mean over all motion in the clip points the wrong way:
a model must choose whose motion counts.
"""

import numpy as np

from gsf_tf.data.demo_clips import Pose, Sprite, pixel_grid, smooth_noise

DIRECTIONS = {"right": (0, False), "left": (0, True), "down": (1, False), "up": (1, True)}
KINDS = ("marked", "slow")
CLASS_NAMES = tuple(sorted(f"{kind}_{direction}" for kind in KINDS for direction in DIRECTIONS))

TRACKS = (-0.31, 0.0, 0.31)  # Across the motion, in heights of the frame.
DISTANCE = {"marked": (0.5, 0.5), "slow": (0.22, 0.66)}  # Of the action and of the distractors.
SIZE = 0.11
BLACK_AND_WHITE = (np.zeros(3, np.float32), np.full(3, 255, np.float32))


def render_selective(action: str, rng: np.random.Generator) -> np.ndarray:
    """Draws one clip.

    Args:
        action: Class name, one of `CLASS_NAMES`.
        rng: Source of all random values.

    Returns:
        uint8 RGB frames `[T, 84, 112, 3]`, T in 24..40.

    Raises:
        ValueError: If `action` is not a class name.
    """
    if action not in CLASS_NAMES:
        raise ValueError(
            f"`action` must be one of {', '.join(CLASS_NAMES)}. Received: action={action!r}"
        )
    kind, direction = action.split("_")
    axis, backward = DIRECTIONS[direction]
    grid = pixel_grid()
    background = rng.uniform(70, 185, 3).astype(np.float32) + 20 * smooth_noise(rng, 3)
    sprites = _sprites(kind, rng, background)
    tracks = rng.permutation(TRACKS) + rng.uniform(-0.03, 0.03, 3)
    middles = rng.uniform(-0.05, 0.05, 3)
    angles = rng.uniform(0, 2 * np.pi, 3)
    of_action, of_others = DISTANCE[kind]
    distances = (of_action, -of_others, -of_others)
    phases = np.linspace(-0.5, 0.5, int(rng.integers(24, 41)))
    noise = rng.uniform(2, 8)
    frames = []
    for phase in phases[::-1] if backward else phases:
        image = background.copy()
        shapes = zip(sprites, tracks, middles, angles, distances, strict=True)
        for sprite, track, middle, angle, distance in shapes:
            along = middle + phase * distance
            x, y = (along, track) if axis == 0 else (track, along)
            sprite.draw(image, grid, Pose(x, y, angle=angle))
        image += noise * rng.standard_normal(image.shape, dtype=np.float32)
        frames.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(frames)


def _sprites(kind, rng, background):
    """Returns the shape of the action and two distractors."""
    first, *others = (Sprite(rng, background, SIZE) for _ in range(3))
    if kind == "slow":
        for other in others:
            other.__dict__.update(first.__dict__)
    else:
        first.kind, first.pattern, first.frequency = "disc", "checks", 1.5
        first.colors = BLACK_AND_WHITE
        for other in others:
            other.colors = (other.colors[0], other.colors[0])
    return [first, *others]
