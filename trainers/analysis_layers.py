"""The parts of `gsf-tf analyze` that look into the layers of a model."""

import numpy as np

from gsf_tf.analysis import (
    attention_figure,
    class_activation,
    embed_features,
    embedding_figure,
    fusion_figure,
    fusion_model,
    gate_figure,
    gate_model,
    gate_statistics,
    grad_cam,
    overlay,
    shift_animation,
    shift_histogram_figure,
    shift_statistics,
    silhouette,
    strip_figure,
)
from gsf_tf.analysis.evenly_spaced import evenly_spaced
from gsf_tf.analysis.gate_figures import half_titles
from gsf_tf.analysis.gate_model import gated_layers
from gsf_tf.evaluation import extract_features
from gsf_tf.layers import TemporalLayer
from gsf_tf.models.layer_lookup import find_layers
from gsf_tf.tasks import ACTION

from .report_folder import file_stem
from .run_shifts import shift_history

EMBEDDINGS = {"tsne": "t-SNE", "pca": "two principal components"}


def layered(models, report):
    """Returns the models with layers, and notes the others."""
    for model in models:
        if not model.has_layers:
            report.note(
                f"{model.name}: this part does not apply. It needs the layers of a SegmentModel, "
                f"and this is a {type(model.network).__name__}."
            )
    return [model for model in models if model.has_layers]


def gates(models, report, options):
    """Counts the gates of each layer over the split."""
    for model in layered(models, report):
        try:
            gate_model(model.network)
        except ValueError as error:
            report.note(f"{model.name}: this part does not apply. {error}")
            continue
        statistics = gate_statistics(model.network, (clip for clip, _, _ in model.dataset()))
        rows = [["layer", "half", "from", "to", "count"]]
        for layer in statistics:
            for half, counts in enumerate(layer.counts, 1):
                bins = zip(layer.edges[:-1], layer.edges[1:], counts.tolist(), strict=True)
                rows += [[layer.name, half, float(a), float(b), n] for a, b, n in bins]
        title = f"{model.name}: values of the gates"
        report.add_figure(f"gates_{model.name}", gate_figure(statistics), rows, title)
        rows = [["layer", "half", "mean magnitude", f"share of {statistics[0].threshold} or more"]]
        for layer in statistics:
            values = zip(layer.magnitude.tolist(), layer.saturated.tolist(), strict=True)
            rows += [[layer.name, half, *each] for half, each in enumerate(values, 1)]
        report.add_table(f"gate_means_{model.name}", rows, f"{model.name}: gates by layer")


def shifts(models, report, options):
    """Draws the shifts of RubiksNet and its relatives."""
    for model in layered(models, report):
        try:
            statistics = shift_statistics(model.network)
        except ValueError as error:
            report.note(f"{model.name}: this part does not apply. {error}")
            continue
        rows = [["layer", "kind", "axis", "channel", "shift"]]
        for layer in statistics:
            for axis, values in zip(layer.axes, layer.shifts.tolist(), strict=True):
                rows += [[layer.name, layer.kind, axis, n, v] for n, v in enumerate(values)]
        title = f"{model.name}: shifts of the channels"
        report.add_figure(f"shifts_{model.name}", shift_histogram_figure(statistics), rows, title)
        if any(layer.axes == ("T",) for layer in statistics):
            rows = [["layer", "zero_share", "mean_reach", "largest_reach"]]
            in_time = [layer for layer in statistics if layer.axes == ("T",)]
            rows += [
                [s.name, *(float(v[0]) for v in (s.zero_share, s.mean_reach, s.largest_reach))]
                for s in in_time
            ]
            title = f"{model.name}: shifts in time"
            report.add_figure(f"attention_{model.name}", attention_figure(in_time), rows, title)
        _history_of(model, report)


def _history_of(model, report):
    """Draws the shifts at the checkpoints of a run, one after the other."""
    run = model.subject.run
    history = {} if run is None else shift_history(run, model.subject.open().network)
    if len(history) < 2:
        report.note(f"{model.name}: no animation, which needs two checkpoints of a run or more.")
        return
    rows = [["moment", "layer", "axis", "zero_share", "mean_reach", "largest_reach"]]
    for moment, statistics in history.items():
        for layer in statistics:
            values = zip(layer.zero_share, layer.mean_reach, layer.largest_reach, strict=True)
            for axis, each in zip(layer.axes, values, strict=True):
                rows.append([moment, layer.name, axis, *map(float, each)])
    stem, title = f"shift_history_{model.name}", f"{model.name}: shifts at the checkpoints"
    moments = ", ".join(history)
    report.add_animation(stem, shift_animation(history), rows, title, f"In order: {moments}.", 1)


def saliency(models, report, options):
    """Draws what speaks for the class that a model finds, over the frames of some clips."""
    models = layered(models, report)
    if not models:
        return
    chosen = evenly_spaced(models[0].scores.ids.tolist(), options.clips)
    for model in models:
        clips = model.find_clips(chosen)
        if not clips:
            report.note(f"{model.name}: the records have none of the chosen videos.")
        for number, (video, clip) in enumerate(clips.items(), 1):
            _saliency_of(model, number, video, clip, report, options)


def _saliency_of(model, number, video, clip, report, options):
    network, scores = model.network, model.scores
    row = scores.ids.tolist().index(video)
    predicted = int(scores.logits[ACTION][row].argmax())
    names = scores.class_names[ACTION]
    maps = _maps(network, clip, predicted, options.layer, model, report)
    if not maps:
        return
    strips = {"frames": clip}
    for name, values in maps.items():
        strips[name] = overlay(clip, values, signed=name.startswith("gates"))
    true = names[scores.labels[ACTION][row]]
    right = "right" if true == names[predicted] else f"true: {true}"
    title = f"{model.name}: {names[predicted]} ({right})"
    rows = [["map", "frame", "row", "column", "value"]]
    for name, values in maps.items():
        rows += [[name, *map(int, place), float(v)] for place, v in np.ndenumerate(values)]
    stem = f"saliency_{model.name}_{number}"
    report.add_figure(stem, strip_figure(strips), rows, title, video)
    moving = np.concatenate(list(strips.values()), axis=2)
    report.add_animation(stem, moving, rows, f"{title}, moving")
    _fusions_of(model, number, clip, report)


def _fusions_of(model, number, clip, report):
    """Draws the fusion weights of GSF's layers for a clip; other models have none."""
    try:
        fusions_of = fusion_model(model.network)
    except ValueError:
        return
    weights = {name: values[0].numpy() for name, values in fusions_of(clip[None]).items()}
    rows = [["layer", "frame", "half", "channel", "weight"]]
    for name, values in weights.items():
        for (frame, half, channel), value in np.ndenumerate(values):
            rows.append([name, frame, half + 1, channel, float(value)])
    title = f"{model.name}: fusion weights for this clip"
    figure = fusion_figure(weights, causal=gated_layers(model.network)[0].causal)
    report.add_figure(f"fusion_{model.name}_{number}", figure, rows, title)


def _maps(network, clip, predicted, layer, model, report):
    """Returns the maps of a clip by their titles, `[T, h, w]` each."""
    maps = {}
    try:
        (maps["class activation"],) = class_activation(
            network, clip[None], [predicted], relative=True
        )
    except ValueError as error:
        report.note(f"{model.name}: no class activation. {error}")
    layer = layer or _last_temporal_layer(network)
    if layer is not None:
        try:
            (maps[f"Grad-CAM of {layer}"],) = grad_cam(network, clip[None], layer, [predicted])
        except ValueError as error:
            report.note(f"{model.name}: no Grad-CAM. {error}")
    try:
        gates_of = gate_model(network)
    except ValueError:  # A model without gates has none to draw.
        return maps
    # Those of the first layer, whose maps are the finest.
    name, gates_of_layer = next(iter(gates_of(clip[None]).items()))
    for half, title in enumerate(half_titles(gated_layers(network)[0].causal)):
        maps[f"gates of {name} ({title})"] = gates_of_layer[0, ..., half].numpy()
    return maps


def _last_temporal_layer(network):
    names = {layer.name for layer in network.backbone.layers}
    inside = [layer.name for layer in find_layers(network, TemporalLayer) if layer.name in names]
    return inside[-1] if inside else None


def features(models, report, options):
    """Places the features of the videos in a plane, colored by class or by group."""
    for model in layered(models, report):
        found = extract_features(
            model.network,
            model.dataset(),
            list(model.labels.names),
            on_step=lambda videos, model=model: model.tell(f"{model.name}, {videos} videos", 0),
        )
        path = report.path / f"features_{file_stem(model.name)}.npz"
        found.save(path)
        names = np.array(found.class_names)
        groupings = {"class": names[found.labels]}
        if options.class_groups:
            groupings["group"] = np.array(options.class_groups)[found.labels]
        _embeddings(model.name, found, groupings, report)


def _embeddings(name, found, groupings, report):
    try:
        separated = {kind: silhouette(found.vectors, of) for kind, of in groupings.items()}
        points = {method: embed_features(found.vectors, method) for method in EMBEDDINGS}
    except ValueError as error:
        report.note(f"{name}: this part does not apply. {error}")
        return
    kind, groups = list(groupings.items())[-1]
    columns = list(groupings)
    for method, title in EMBEDDINGS.items():
        rows = [["video", *columns, "x", "y"]]
        for number, (x, y) in enumerate(points[method].tolist()):
            rows.append([found.ids[number], *(of[number] for of in groupings.values()), x, y])
        report.add_figure(
            f"{method}_{name}",
            embedding_figure(points[method], groups),
            rows,
            f"{name}: features by {title}, colored by {kind}",
        )
    rows = [["grouping", "groups", "videos", "silhouette"]]
    for each, value in separated.items():
        number = len(np.unique(groupings[each]))
        rows.append([each, number, len(found), "not defined" if value is None else value])
    text = "Silhouette of the vectors themselves, in -1..1: near 0 the groups overlap."
    report.add_table(f"silhouette_{name}", rows, f"{name}: how well the features separate", text)
