import numpy as np
import pytest

from gsf_tf.analysis import embed_features, embedding_figure, silhouette


def planted(spread=0.05, per_group=12, groups=3):
    """Clusters at the corners of a simplex in ten dimensions, and the group of each vector."""
    labels = np.repeat(np.arange(groups), per_group)
    noise = np.random.default_rng(0).normal(scale=spread, size=(len(labels), 10))
    return np.eye(10)[labels] + noise, np.array(["one", "two", "three"])[labels % 3]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_planted_clusters_stay_apart(method):
    vectors, groups = planted()
    points = embed_features(vectors, method)
    assert points.shape == (36, 2)
    assert silhouette(points, groups) > 0.6
    np.testing.assert_allclose(embed_features(vectors, method), points, atol=1e-6)


def test_silhouette_is_its_definition():
    """(b - a) / max(a, b): 1 to the own group, 10 and 11 to the other, for each vector."""
    vectors = np.array([[0.0, 0], [0, 1], [10, 0], [10, 1]])
    near, far = 1, (10 + np.hypot(10, 1)) / 2
    assert silhouette(vectors, list("aabb")) == pytest.approx((far - near) / far)
    assert silhouette(vectors, list("abab")) < 0
    assert silhouette(vectors, list("aaaa")) is None
    assert silhouette(vectors, list("abcd")) is None


def test_few_vectors_and_one_channel():
    assert embed_features(np.arange(4.0)[:, None], "pca").shape == (4, 2)
    assert embed_features(np.arange(4.0)[:, None]).shape == (4, 2)
    assert embed_features(np.random.default_rng(0).normal(size=(10, 3))).shape == (10, 2)


def test_what_is_refused():
    vectors, groups = planted()
    with pytest.raises(ValueError, match="at least 4 vectors"):
        embed_features(vectors[:3])
    with pytest.raises(ValueError, match="finite numbers"):
        embed_features(np.full((5, 2), np.nan))
    with pytest.raises(ValueError, match="5 vectors that are all equal"):
        embed_features(np.ones((5, 2)))
    with pytest.raises(ValueError, match="one of tsne, pca. Received: method='umap'"):
        embed_features(vectors, "umap")
    with pytest.raises(ValueError, match="one entry per vector"):
        silhouette(vectors, groups[1:])
    with pytest.raises(ValueError, match="a group per point"):
        embedding_figure(vectors, groups)


def test_the_figure_has_the_points_of_each_group():
    points, groups = np.random.default_rng(0).normal(size=(6, 2)), list("aabb$_")
    figure = embedding_figure(points, groups)
    drawn = [handle.get_offsets() for handle in figure.axes[0].collections]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == sorted(set(groups))
    for name, offsets in zip(names, drawn, strict=True):
        np.testing.assert_allclose(offsets, points[[group == name for group in groups]])


def test_many_groups_are_named_up_to_twenty():
    groups = np.array([f"group {number:03}" for number in range(174)] + ["group 170"] * 3)
    points = np.random.default_rng(0).normal(size=(len(groups), 2))
    figure = embedding_figure(points, groups)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == 20 and names[0] == "others" and "group 170" in names
    assert sum(len(each.get_offsets()) for each in figure.axes[0].collections) == len(groups)
