import dataclasses

from gsf_tf.data import ClipSource


def test_a_clip_in_another_split_is_otherwise_the_same():
    clip = ClipSource("v/a.mp4", "a.mp4#1-2", 3, None, 1.0, 2.0, 25.0, (4, 5), (6, 7))
    defaults = {field.name: field.default for field in dataclasses.fields(clip)}
    assert [name for name, value in defaults.items() if getattr(clip, name) == value] == ["split"]
    assert clip.in_split("val") == dataclasses.replace(clip, split="val")
