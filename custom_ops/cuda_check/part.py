"""One part of a step in a process of its own: an error on the GPU ends it and no other.

    python -m custom_ops.cuda_check.part STEP PART SETTINGS RECORD

`python -m custom_ops.cuda_check` starts these.
"""

import sys
import traceback

from custom_ops.cuda_check import calls, device
from custom_ops.cuda_check.record import Record
from custom_ops.cuda_check.settings import Settings
from custom_ops.cuda_check.steps import STEPS

# What these say is what a user needs to know; of other errors the place in the code matters.
_PLAIN_ERRORS = (device.DeviceError, calls.KernelError, FileNotFoundError)


def main(arguments):
    step, part, settings, path = arguments
    record = Record(path)
    try:
        STEPS[step].module().run(Settings.load(settings), part, record)
    except _PLAIN_ERRORS as error:
        record.problem(str(error))
    except Exception:
        record.problem(traceback.format_exc())
    record.end()
    return int(record.has_problems())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
