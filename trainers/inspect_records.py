"""Inspect records: count and check their clips, draw some.

  gsf-tf inspect records
  gsf-tf inspect s3://bucket/records --sheet=sheet.png --json=report.json

Reads every record once and decodes every frame. Prints for each split the clips, frames and
classes; the sizes and frame rates; clips that occur twice in a split, and clips that are in two
splits (a leak: a model would be tested on clips that it was trained on), both by the SHA-256 of
their frames. The picture shows --sample clips, a row each.

A damaged record does not stop the command: each is listed with its shard, number, byte and reason,
and the report is of the other records. --nodecode is several times faster, and finds only damage
that contradicts a checksum, as a disk or a copy causes it.

The exit status is 1 when a record is damaged or a shard is missing, when the records contradict
dataset_info.json, or when a clip is in two splits.
"""

import json
import os

from absl import flags

from . import cli

_SHEET = flags.DEFINE_string("sheet", "contact_sheet.png", "Picture to write; empty for none.")
_SAMPLE = flags.DEFINE_integer("sample", 12, "Clips in the picture.", 1, 1000)
_SEED = flags.DEFINE_integer("seed", 0, "Another seed draws other clips.")
_DECODE = flags.DEFINE_bool("decode", True, "Decode all frames, to find damage inside of records.")
_JSON = flags.DEFINE_string("json", None, "File for all counts, as JSON.")


def main(argv):
    if len(argv) != 2:
        raise cli.FlagError(
            "The folder of the records must be given, and nothing else beside flags. "
            f"Received: {argv[1:]}"
        )
    records = argv[1]
    for path in filter(None, (_SHEET.value, _JSON.value)):
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise cli.FlagError(
                f"A file must go to a folder that exists. Received: {path}. Make the folder."
            )

    from gsf_tf.data import DatasetInfo, contact_sheet, inspect_records

    from .inspection_report import print_report

    # ---- Read -------------------------------------------------------------------------------
    console = cli.console()
    info = DatasetInfo.load(records)
    with cli.progress(console) as progress:
        total = sum(map(info.num_clips, info.splits))
        task = progress.add_task("Reading records", total=total, info="")
        report = inspect_records(
            records,
            sample=_SAMPLE.value,
            seed=_SEED.value,
            decode=_DECODE.value,
            on_clip=lambda: progress.advance(task),
        )

    # ---- Report -----------------------------------------------------------------------------
    print_report(console, records, report)
    if _JSON.value:
        with open(_JSON.value, "w", encoding="utf-8") as file:
            json.dump({"records": records, **report.as_dict()}, file, indent=2, ensure_ascii=False)
        console.print(f"Wrote {_JSON.value}")
    if _SHEET.value and report.sample:
        try:
            contact_sheet(report.sample).save(_SHEET.value)
            console.print(f"Wrote {_SHEET.value}")
        except (OSError, ValueError) as error:
            # Without the picture the counts are as good. ValueError: an extension of no picture.
            console.print(f"The picture {_SHEET.value} could not be written: {error}")
    return int(bool(report.leaks or report.problems or any(report.damage.values())))


if __name__ == "__main__":
    cli.run(main)
