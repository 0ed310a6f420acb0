"""Speed of what people serve: every form of an export, and torch.compile, on a CPU.

  python -m benchmarks.export_speed
  python -m benchmarks.export_speed --models=tsn_resnet50,gsf_resnet50 --forms=saved_model,onnx_twin
  python -m benchmarks.export_speed --docs=docs/performance.md --folder=exports

TSN, TSM, GSM and GSF on ResNet-50, and RubiksNet-Tiny and -Large: interpolated, with attention
(_aq), and that with integer shifts (_hardened). One clip, uint8. The forms are

  saved_model        TensorFlow, the export of standard operations
  compiled           TensorFlow, the model's own graph with the compiled ops, frozen
  bfloat16           TensorFlow, the export of --precision=bfloat16
  litert             LiteRT, float32
  litert_int8        LiteRT, full int8
  onnx               ONNX Runtime, the export
  onnx_twin          ONNX Runtime, what PyTorch exports of a network with the same weights
  openvino           OpenVINO on the SavedModel, float32
  openvino_bfloat16  the same in bfloat16
  torch_compile      torch.compile of that network of PyTorch

Each form is compared with the model before it is timed. Every runtime is a process with --threads
threads, and the forms take turns in each round. The table has medians by the clock and of the time
of all processors; ratios are medians within rounds. What cannot be made, or differs, is named with
the reason, and the exit status is 1.

Most of the time goes into making the exports. No export is begun after --minutes; what was begun, a
warm-up and one round still run, of which no step may take longer than --limit. --folder keeps the
exports, so that the next run only times them.
"""

import contextlib
import pathlib
import tempfile
import time

from absl import flags

from benchmarks import speed_report
from benchmarks.docs_flag import DOCS
from benchmarks.export_forms import COMPARED, FORMS, HEADER, MODELS, runs_of, verdicts
from benchmarks.input_flags import IMAGE_SIZE, NUM_SEGMENTS, THREADS
from benchmarks.runtimes.model_run import RunSettings
from trainers import cli

SECTION = "export_speed"

_MODELS = flags.DEFINE_list("models", list(MODELS), "Only these models.")
_FORMS = flags.DEFINE_list("forms", list(FORMS), "Only these forms.")
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds that are timed.", lower_bound=1)
_MINUTES = flags.DEFINE_float(
    "minutes", 40, "Minutes after which no export is begun.", lower_bound=0.1
)
_LIMIT = flags.DEFINE_float("limit", 300, "Seconds for one step of one export.", lower_bound=1)
_FOLDER = flags.DEFINE_string("folder", None, "Folder that keeps the exports; of the same code.")
_CSV = flags.DEFINE_string("csv", None, "File of the same figures.")
for name in ("image_size", "num_segments", "threads", "docs"):
    flags.declare_key_flag(name)


def main(_):
    from benchmarks.export_runs import check_names, measure
    from benchmarks.quiet_machine import check_quiet, load_line, others_percent

    console = cli.console()
    percent = others_percent()
    check_quiet(percent, DOCS.value)
    check_names(_MODELS.value, _FORMS.value)
    groups = [
        runs_of([model for model in _MODELS.value if model in compared], _FORMS.value)
        for compared in COMPARED
    ]
    total = sum(map(len, groups))
    console.print(
        f"{total} exports of {len(_MODELS.value)} models, {_ROUNDS.value} rounds. No export is "
        f"begun after {_MINUTES.value:g} minutes."
    )
    timings, failures, start = [], [], time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = _FOLDER.value or stack.enter_context(tempfile.TemporaryDirectory())
        progress = stack.enter_context(cli.progress(console))
        task = progress.add_task("Timing", total=total * (_ROUNDS.value + 3), info="")

        def advance(name):
            progress.update(task, info=name)
            progress.advance(task)

        # Exports of another input are others.
        folder = pathlib.Path(folder) / f"{NUM_SEGMENTS.value}x{IMAGE_SIZE.value}"
        settings = RunSettings(folder, THREADS.value, IMAGE_SIZE.value, NUM_SEGMENTS.value)
        settings.folder.mkdir(parents=True, exist_ok=True)
        begun = 0
        for runs in filter(None, groups):
            begun += len(runs)
            until = start + 60 * _MINUTES.value * begun / total
            timings += measure(
                runs, settings, _ROUNDS.value, _LIMIT.value, until, failures.append, advance
            )
    report = "\n\n".join(
        [
            speed_report.machine(THREADS.value),
            load_line(percent),
            speed_report.markdown_table(HEADER, [t.cells for t in timings], left=(0, 1)),
            speed_report.markdown_table(
                ("Ratio of times", "Goal", "Processor", "", "Clock", ""), verdicts(timings)
            ),
            *failures,
        ]
    )
    console.print(report)
    if DOCS.value:
        speed_report.replace_section(DOCS.value, SECTION, report)
    if _CSV.value:
        speed_report.write_csv(_CSV.value, HEADER, [t.cells for t in timings])
        console.print(f"The figures are in {_CSV.value}")
    return 1 if failures else None


if __name__ == "__main__":
    cli.run(main)
