import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsf_tf.data import DataError, DatasetInfo, FlipRule, LabelMap
from gsf_tf.data.listing.datasets import OFFICIAL_DATASETS
from gsf_tf.data.pipeline.flip_rule import directed_names


def info(labels, flip_pairs=None):
    fingerprint = LabelMap(labels).fingerprint
    return DatasetInfo(list(labels), fingerprint, {}, "", {}, flip_pairs=flip_pairs)


@given(st.permutations(range(12)), st.integers(0, 6))
def test_a_rule_is_an_involution(order, num_pairs):
    names = [f"class {index}" for index in range(12)]
    pairs = [(names[order[2 * i]], names[order[2 * i + 1]]) for i in range(num_pairs)]
    mapping = FlipRule(LabelMap(names), pairs).label_map
    np.testing.assert_array_equal(mapping[mapping], np.arange(12))
    moved = {names[index] for index in range(12) if mapping[index] != index}
    assert moved == {name for pair in pairs for name in pair}
    assert all(names[mapping[names.index(first)]] == second for first, second in pairs)


def mirrored(label):
    words = {"left": "right", "Left": "Right", "Clockwise": "Counterclockwise"}
    words |= {second: first for first, second in words.items()}
    return " ".join(words.get(word, word) for word in label.split(" "))


@pytest.mark.parametrize("name", OFFICIAL_DATASETS)
def test_tables_of_the_data_sets_are_involutions_that_swap_left_and_right(name):
    pairs = OFFICIAL_DATASETS[name].flip_pairs
    assert len(pairs) == (3 if name in ("ssv1", "ssv2", "jester") else 0)
    labels = LabelMap(sorted({"Holding something", *(label for pair in pairs for label in pair)}))
    mapping = FlipRule(labels, pairs).label_map
    np.testing.assert_array_equal(mapping[mapping], np.arange(len(labels)))
    for index, label in enumerate(labels):
        assert labels[mapping[index]] == mirrored(label)


@pytest.mark.parametrize(
    "pairs, message",
    [
        ([("left", "right"), ("up", "left")], "'left' twice"),
        ([("up", "up")], "'up' twice"),
        ([("left", "rihgt")], "Did you mean 'right'"),
    ],
)
def test_pairs_that_break_the_rule(pairs, message):
    with pytest.raises(DataError, match=message):
        FlipRule(LabelMap(["left", "right", "up"]), pairs)


def test_directions_are_known_as_words():
    directed = ["go left", "RIGHT turn", "turnLeft", "a_right_hook", "left-handed", "rightwards",
                "turning clockwise", "turning counterclockwise"]  # fmt: skip
    others = ["put upright", "bright light", "leftover", "eat lefse", "copyright", "clockwork"]
    assert directed_names([*others, *directed]) == directed


def test_names_of_a_direction_need_a_decision(tmp_path):
    directed = info(["moving left", "moving right", "up"])
    with pytest.raises(
        DataError, match="needs a flip rule.*`moving left`, `moving right`, and no flip"
    ):
        FlipRule.of(directed)
    path = tmp_path / "flips.txt"
    path.write_text("# mine\n\nmoving left\tmoving right\n", encoding="utf-8-sig")
    assert FlipRule.of(directed, path).label_map.tolist() == [1, 0, 2]
    path.write_text("")
    assert FlipRule.of(directed, path).label_map.tolist() == [0, 1, 2]
    assert FlipRule.of(info(["down", "up"])).label_map.tolist() == [0, 1]


def test_the_table_in_the_records_is_the_decision():
    labels = ["moving left", "moving right", "turning it right over"]
    rule = FlipRule.of(info(labels, [["moving left", "moving right"]]))
    assert rule.label_map.tolist() == [1, 0, 2]
    assert FlipRule.of(info(labels, [])).label_map.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "text, message",
    [
        (b"left right\n", r"separated by a tab.*'left right' at .*line 1"),
        (b"\nleft\tright\tup\n", r"line 2"),
        (b"left\tup\nright\tup\n", r"'up' twice.*At .*flips\.txt"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_files_that_break_the_rule(tmp_path, text, message):
    (tmp_path / "flips.txt").write_bytes(text)
    with pytest.raises(DataError, match=message):
        FlipRule.load(tmp_path / "flips.txt", LabelMap(["left", "right", "up"]))
    with pytest.raises(DataError, match="No such file"):
        FlipRule.load(tmp_path / "none.txt", LabelMap(["left", "right", "up"]))


def test_class_names_that_look_like_comments(tmp_path):
    (tmp_path / "flips.txt").write_text("# comment\tx\n#left\t#right\n")
    rule = FlipRule.load(tmp_path / "flips.txt", LabelMap(["#left", "#right", "up"]))
    assert list(rule.label_map) == [1, 0, 2]
