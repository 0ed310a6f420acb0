"""Stands for a child of a fuzzer that crashes or hangs at case 3."""

import json
import os
import sys
import time

options = dict(argument.lstrip("-").split("=") for argument in sys.argv[2:] if "=" in argument)
of_clips = "--clips" in sys.argv  # Of `fuzz_videos`; else of `fuzz_records`.
first, cases = int(options["seed"]), int(options["cases"])
per_pass = 1 if of_clips else int(options["per_pass"])
for begin in range(first, first + cases, per_pass):
    seeds = range(begin, min(begin + per_pass, first + cases))
    if 3 in seeds:
        os.abort() if sys.argv[1] == "crash" else time.sleep(1000)
    result = ["kind", "frames", 9] if of_clips else [["kind", "valid"] for _ in seeds]
    print(json.dumps(result), flush=True)
