import pytest

from gsf_tf.errors import UserError
from gsf_tf.evaluation import read_class_groups


def write(tmp_path, text):
    path = tmp_path / "groups.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_groups_come_in_the_order_of_the_classes(tmp_path):
    path = write(tmp_path, '"up, fast",moving\n\n"größer"  ,size\nother,size\n"up, fast",moving\n')
    assert read_class_groups(path, ["größer", "up, fast"]) == ["size", "moving"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("up\n", "line 1 of .*: 'up'"),
        ("up,a\nup,b\n", "line 2 of .*: 'up,b'"),
        ("up,\n", "line 1"),
        ("down,a\n", "which lacks 'up'"),
        ("", "which lacks 'up'"),
    ],
)
def test_what_is_wrong_is_named(text, message, tmp_path):
    with pytest.raises(UserError, match=message):
        read_class_groups(write(tmp_path, text), ["up"])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="`groups` must be a CSV file.*No such file"):
        read_class_groups(tmp_path / "none.csv", ["up"])
