"""What the fuzzers share: cases run in child processes, and a table of what came of them."""

import collections
import json
import subprocess
import sys
import tempfile
import threading

from absl import flags

FLAGS = flags.FLAGS
FINE = ("valid", "reported")


def watch(program, first, count, per_pass, limit):
    """Runs cases in child processes.

    Args:
        program: Arguments of Python for a program with these flags. With `--child` it prints a line
            of JSON for each pass: a list of [kind, outcome] or [kind, outcome, MB] of its cases. An
            empty list says that it still works.
        first: First seed.
        count: Number of cases.
        per_pass: Cases that run together.
        limit: Seconds without a line after which a pass counts as hung.

    Yields:
        (seed, kind, outcome), or with MB, of each case; the outcome of a case that ended its
        process is a text that begins with "crash" or "hang".
    """
    last = first + count
    while first < last:
        command = [sys.executable, *program, "--child"]
        command += [f"--seed={first}", f"--cases={last - first}", f"--per_pass={per_pass}"]
        with tempfile.TemporaryFile("w+") as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            hung = threading.Event()

            def start_clock(child=child, hung=hung):
                clock = threading.Timer(limit, lambda: (hung.set(), child.kill()))
                clock.start()
                return clock

            clock = start_clock()
            for line in child.stdout:
                clock.cancel()
                for result in json.loads(line):
                    yield first, *result
                    first += 1
                clock = start_clock()
            status = child.wait()
            clock.cancel()
            if first == last:
                return
            errors.seek(0)
            what = "hang" if hung.is_set() else f"crash (status {status})"
            failure = f"{what}: {errors.read()[-2000:]}"
        size = min(per_pass, last - first)
        alone = list(watch(program, first, size, 1, limit)) if size > 1 else [(first, "?", failure)]
        if all(outcome in FINE for _, _, outcome, *_ in alone):
            alone[0] = (first, "?", f"only when {size} cases are read together, {failure}")
        yield from alone
        first += size


def print_table(outcomes):
    """Prints failures as they come and at the end a table; returns the number of failures."""
    table, failures, most = collections.Counter(), 0, 0
    for number, (seed, kind, outcome, *megabytes) in enumerate(outcomes, 1):
        most = max([most, *megabytes])
        if outcome not in FINE:
            print(f"case {seed}: {outcome}", flush=True)
            failures, outcome = failures + 1, "failed"
        table[kind, outcome] += 1
        if number % 1000 == 0:
            print(f"{number} cases, {failures} failures", flush=True)
    for (kind, outcome), number in sorted(table.items()):
        print(f"{kind:32} {outcome:10} {number}")
    memory = f", at most {most} MB" if most else ""
    print(f"{table.total()} cases, {failures} failures{memory}")
    return failures


def define_flags(cases, per_pass, limit):
    """Defines the flags of a fuzzer with their defaults."""
    flags.DEFINE_integer("cases", cases, "How many.", 1)
    flags.DEFINE_integer("seed", 0, "Seed of the first case; the others follow.", 0)
    flags.DEFINE_integer("per_pass", per_pass, "Cases that run together.", 1)
    flags.DEFINE_integer("limit", limit, "Seconds after which a pass counts as hung.", 1)
    flags.DEFINE_bool("child", False, "Used by this program itself.")


def run(program, run_cases):
    """Runs a fuzzer as its flags say, and returns the exit status.

    Args:
        program: As in `watch`.
        run_cases: Function of the first seed, the number of cases and the cases per pass that runs
            them in this process and prints what `watch` reads.
    """
    cases = FLAGS.seed, FLAGS.cases, FLAGS.per_pass
    if FLAGS.child:
        run_cases(*cases)
        return 0
    return int(print_table(watch(program, *cases, FLAGS.limit)) > 0)
