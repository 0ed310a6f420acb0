"""A model on the page of `gsf-tf try`: what it says of a clip, and what speaks for that."""

import contextlib
import functools
import time

import numpy as np

from gsf_tf.analysis import class_activation, gate_model, overlay
from gsf_tf.analysis.evenly_spaced import evenly_spaced
from gsf_tf.analysis.gate_figures import half_titles
from gsf_tf.analysis.gate_model import gated_layers
from gsf_tf.evaluation import Predictor
from gsf_tf.models import SegmentModel

from .analyzed_model import short_names
from .try_pictures import enlarged, moving_picture, pictures

# Layers whose gates are shown: a deep network has 16 or more, and each is two strips of frames.
MOST_GATED = 3


class TriedModel:
    """A model that answers for one clip at a time.

    Args:
        name: Its title on the page.
        predictor: `Predictor` with one view of a clip.
        top: Number of classes to name.
    """

    def __init__(self, name, predictor, top):
        self.name, self._predictor = name, predictor
        self._top = min(top, len(predictor.labels))

    @property
    def detail(self):
        """A line for people: the model's input and its classes."""
        one = self._predictor
        frames = "1 frame" if one.num_segments == 1 else f"{one.num_segments} frames"
        classes = "1 class" if len(one.labels) == 1 else f"{len(one.labels)} classes"
        return f"{frames} of {one.width} x {one.height} pixels, {classes}"

    def warm_up(self):
        """Traces the model, so that the first clip takes no longer than the others."""
        one = self._predictor
        one.classify_views(np.zeros((1, one.num_segments, one.height, one.width, 3), np.uint8))
        _ = self._gates  # Kept from here on.

    def close(self):
        """Gives up the clip that is being read, if there is one."""
        self._predictor.close()

    def answer(self, path):
        """Reads a clip and yields what the page shows of it, in the order in which it is ready.

        Args:
            path: Path of the clip.

        Yields:
            Dictionaries that JSON can hold. The first has `top` (pairs of class and probability),
            `frames` (pictures) and `seconds`; the second has `maps` (titles and pictures), `video`
            (frames and class activation side by side, or None) and `notes`.

        Raises:
            UserError: If the file cannot be decoded, as `gsf-tf predict` says it, or the model
                gives no numbers for it.
        """
        start = time.perf_counter()
        views = self._predictor.read_views(path)
        read = time.perf_counter()
        prediction = self._predictor.classify_views(views)
        end = time.perf_counter()
        top, clip = prediction.top(self._top), enlarged(views[0])
        seconds = {"read": read - start, "model": end - read}
        yield {"top": top, "frames": pictures(clip), "seconds": seconds}
        yield self._maps(views, clip, int(prediction.logits.argmax()))

    def _maps(self, views, clip, predicted):
        network = self._predictor.model.network
        maps, notes, video = [], [], None
        if not isinstance(network, SegmentModel):
            return {"maps": [], "video": None, "notes": [self._no_layers(network)]}
        try:
            (values,) = class_activation(network, views, [predicted], relative=True)
            shown = overlay(clip, values)
            title = f"What speaks for {self._predictor.labels.names[predicted]}"
            maps.append({"title": title, "kind": "activation", "frames": pictures(shown)})
            video = moving_picture(np.concatenate([clip, shown], axis=2))
        except ValueError as error:
            notes.append(f"There is no class activation of this model. {error}")
        maps += self._gate_maps(views, clip)
        if self._gates is None:
            notes.append(
                "Gate maps do not apply to this model: it has no layers that learn a gate, as GSF "
                "and GSM have them."
            )
        return {"maps": maps, "video": video, "notes": notes}

    def _gate_maps(self, views, clip):
        if self._gates is None:
            return []
        halves = half_titles(gated_layers(self._predictor.model.network)[0].causal)
        found = self._gates(views, training=False)
        return [
            {"title": f"Gates of {name} ({half})", "kind": "gate", "frames": pictures(shown)}
            for name in evenly_spaced(list(found), MOST_GATED)
            for half, shown in zip(halves, _both_halves(clip, found[name][0]), strict=True)
        ]

    @functools.cached_property
    def _gates(self):
        """The model of all gates, None for a network without any."""
        try:
            return gate_model(self._predictor.model.network)
        except ValueError:
            return None

    def _no_layers(self, network):
        if self._predictor.model.is_served:
            return (
                "Class activation and gate maps do not apply to an export, which has no layers. "
                "Give the workdir or the .keras file that it was made of."
            )
        return (
            "Class activation and gate maps do not apply to this model: they need a SegmentModel, "
            f"and it is a {type(network).__name__}."
        )


def _both_halves(clip, gates):
    """Returns frames with the gates `[T, h, w, 2]` of either half, in one scale."""
    maps = np.moveaxis(gates.numpy(), -1, 0)
    shown = overlay(np.concatenate([clip, clip]), np.concatenate(maps), signed=True)
    return np.split(shown, 2)


@contextlib.contextmanager
def open_models(paths, labels, top, limits):
    """Opens models and runs each of them once; closes them at the end.

    Args:
        paths: Paths of models.
        labels: No file of class names, one for all models, or one for each, "" for none.
        top: Number of classes to name.
        limits: `ClipLimits`.

    Yields:
        A list of `TriedModel`.

    Raises:
        UserError: As `Predictor` does.
    """
    files = list(labels) * len(paths) if len(labels) == 1 else labels or [None] * len(paths)
    with contextlib.ExitStack() as stack:
        models = []
        for name, path, file in zip(short_names(paths), paths, files, strict=True):
            predictor = Predictor(path, file or None, isolated=True, limits=limits)
            models.append(TriedModel(name, stack.enter_context(predictor), top))
            models[-1].warm_up()
        yield models
