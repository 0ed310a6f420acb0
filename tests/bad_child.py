"""Stands for a child of a fuzzer that crashes or hangs at case 3."""

import json
import os
import sys
import time

options = dict(argument.lstrip("-").split("=") for argument in sys.argv[2:] if "=" in argument)
first, cases, per_pass = (int(options[name]) for name in ("seed", "cases", "per_pass"))
for begin in range(first, first + cases, per_pass):
    seeds = range(begin, min(begin + per_pass, first + cases))
    if 3 in seeds:
        os.abort() if sys.argv[1] == "crash" else time.sleep(1000)
    print(json.dumps([["kind", "valid", 9] for _ in seeds]), flush=True)
