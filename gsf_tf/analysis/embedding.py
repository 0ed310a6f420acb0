"""Features in two dimensions, as in Figure 6 of the GSF paper, and how well groups separate."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from gsf_tf.short_names import short_name

METHODS = ("tsne", "pca")
# t-SNE's usual perplexity; with few points it must be smaller than their number.
PERPLEXITY = 30
# t-SNE begins with so many principal components: the rest is noise, and costs time.
COMPONENTS = 50
FEWEST = 4
NAMED_GROUPS = 20
# Width of a character of the legend in inches.
CHARACTER = 0.08
MARKERS = "osD^vP*X"


def embed_features(vectors: np.ndarray, method: str = "tsne", *, seed: int = 0) -> np.ndarray:
    """Places feature vectors in a plane, by t-SNE or by their two first principal components.

    Args:
        vectors: `[N, C]`, at least four of them; those of a `Features` file.
        method: `"tsne"`, which keeps neighbors together, or `"pca"`, which keeps distances.
        seed: Seed of t-SNE.

    Returns:
        float64 `[N, 2]`.

    Raises:
        ValueError: If the vectors are fewer than four, have no finite values or are all equal, or
            the method is unknown.

    Example:

    ```python
    points = gsf_tf.analysis.embed_features(features.vectors)
    gsf_tf.analysis.embedding_figure(points, names).savefig("tsne.png")
    ```

    Reference:
        GSF paper, Figure 6.
    """
    vectors = _checked(vectors)
    if method not in METHODS:
        raise ValueError(
            f"`method` must be one of {', '.join(METHODS)}. Received: method={method!r}"
        )
    if method == "pca":
        return PCA(2, svd_solver="full").fit_transform(_two_columns(vectors))
    components = min(COMPONENTS, *vectors.shape)
    start = PCA(components, svd_solver="full").fit_transform(vectors)
    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    layout = TSNE(
        2, perplexity=perplexity, init="pca" if components > 1 else "random", random_state=seed
    )
    return layout.fit_transform(start).astype(np.float64)


def silhouette(vectors: np.ndarray, groups: Sequence[str] | np.ndarray) -> float | None:
    """Returns how well groups of vectors separate, in [-1, 1].

    Near 1, the vectors of each group are close together and far from those of the next one; near 0
    the groups overlap. Look at the number of the vectors themselves: t-SNE separates what it can.

    Args:
        vectors: `[N, C]`, at least four.
        groups: Group of each vector, `[N]`; its class or a coarser group.

    Returns:
        The mean silhouette coefficient by Euclidean distance; None where it is not defined, because
        all vectors are of one group or each is of another.

    Raises:
        ValueError: If the vectors are fewer than four, have no finite values or are all equal, or
            the groups are not as many.
    """
    vectors, groups = _checked(vectors), np.asarray(groups)
    if groups.shape != (len(vectors),):
        raise ValueError(
            "`groups` must have one entry per vector. Received: groups of shape "
            f"{groups.shape} for {len(vectors)} vectors"
        )
    if not 1 < len(np.unique(groups)) < len(vectors):
        return None
    return float(silhouette_score(vectors, groups))


def embedding_figure(
    points: np.ndarray, groups: Sequence[str] | np.ndarray, title: str = ""
) -> Figure:
    """Draws points in the plane, with a color and marker for each group.

    The legend names up to 20 groups; of more, it names the 19 largest, and the others are gray.

    Args:
        points: `[N, 2]`, such as the result of `embed_features`.
        groups: Name of the group of each point, `[N]`.
        title: Title of the picture.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it to a file.

    Raises:
        ValueError: If the shapes do not agree.

    Reference:
        GSF paper, Figure 6.
    """
    points, groups = np.asarray(points), np.asarray(groups, str)
    if points.ndim != 2 or points.shape[1] != 2 or groups.shape != points.shape[:1]:
        raise ValueError(
            "`points` must be [N, 2] with a group per point. Received: points of shape "
            f"{points.shape}, groups of shape {groups.shape}"
        )
    names, counts = np.unique(groups, return_counts=True)
    if len(names) > NAMED_GROUPS:
        names = np.sort(names[np.argsort(-counts, kind="stable")[: NAMED_GROUPS - 1]])
    longest = max(len(short_name(name)) for name in names)
    figure = Figure(figsize=(7.2 + CHARACTER * longest, 6), layout="constrained")
    axes = figure.subplots()
    handles = {}
    rest = ~np.isin(groups, names)
    if rest.any():
        handles["others"] = axes.scatter(*points[rest].T, s=12, color="0.75", linewidths=0)
    colors = colormaps["tab20" if len(names) > 10 else "tab10"]
    for number, name in enumerate(names):
        handles[name] = axes.scatter(
            *points[groups == name].T,
            s=18,
            color=colors(number % colors.N),
            marker=MARKERS[number % len(MARKERS)],
            linewidths=0,
        )
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, parse_math=False)
    legend = figure.legend(
        list(handles.values()),
        list(map(str, range(len(handles)))),
        loc="outside right upper",
        fontsize="small",
    )
    for text, name in zip(legend.get_texts(), handles, strict=True):
        text.set(text=short_name(name), parse_math=False)
    return figure


def _checked(vectors):
    vectors = np.asarray(vectors, np.float64)
    if vectors.ndim != 2 or len(vectors) < FEWEST or not np.isfinite(vectors).all():
        raise ValueError(
            f"`vectors` must be [N, C] with at least {FEWEST} vectors of finite numbers. Received: "
            f"shape={vectors.shape}"
        )
    if not np.ptp(vectors, axis=0).any():
        raise ValueError(
            "`vectors` must differ to be placed in a plane. Received: "
            f"{len(vectors)} vectors that are all equal"
        )
    return vectors


def _two_columns(vectors):
    """Returns the vectors with a column of zeros if they have only one."""
    return np.pad(vectors, [(0, 0), (0, max(0, 2 - vectors.shape[1]))])
