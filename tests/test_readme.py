"""The README's script runs as it stands, on real clips, with one epoch instead of twenty."""

import pathlib
import re
import subprocess
import sys

from gsf_tf.data.demo_clips import CLASS_NAMES, generate_clips

README = pathlib.Path(__file__).parents[1] / "README.md"


def test_the_script_runs(tmp_path):
    for _ in generate_clips(tmp_path, {"videos": 3}):
        pass
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    script = next(block for block in blocks if "model.fit" in block)
    assert "epochs=20" in script
    (tmp_path / "script.py").write_text(script.replace("epochs=20", "epochs=1"))
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
    program = (
        "import gsf_tf, keras\n"
        "model = keras.models.load_model('model.keras')\n"
        f"assert model.output_shape == (None, {len(CLASS_NAMES)})\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_the_backbone_example_runs(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    script = next(block for block in blocks if "insert_temporal" in block)
    check = "assert model.output_shape == (None, 174)\n"
    (tmp_path / "script.py").write_text("import keras\nimport gsf_tf\n" + script + check)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
