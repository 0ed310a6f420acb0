"""Runs the steps one after another, each part as a process, and keeps the report up to date."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from custom_ops.cuda_check import machine, record
from custom_ops.cuda_check.steps import STEPS

ROOT = pathlib.Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.1
_WRITE_SECONDS = 2


class Runner:
    """Runs steps within their time budgets; what one of them leaves undone hinders no other.

    Args:
        settings: `Settings`.
        say: Function of a line of text, called as steps begin and end.

    Attributes:
        report: Dictionary: `machine`, and under `steps` for each step its `status`, `seconds` and
            `parts`. It is also in the file `report.json` of the output folder, which is written
            after every part and every few seconds.
    """

    def __init__(self, settings, say=print):
        self._settings, self._say = settings, say
        self._output = pathlib.Path(settings.output)
        self._next_write = 0
        # The budgets are those of a GPU machine with 16 cores; a rehearsal may have two.
        self._slower = 10 if settings.rehearse else 1
        self._deadline = time.monotonic() + 60 * settings.minutes * self._slower
        self.report = {"rehearsal": settings.rehearse, "machine": {}, "steps": {}}

    def run(self):
        """Returns whether every step passed."""
        self._output.mkdir(parents=True, exist_ok=True)
        self.report["machine"] = machine.describe(self._settings)
        with tempfile.TemporaryDirectory() as folder:
            self._folder = pathlib.Path(folder)
            self._settings.save(self._folder / "settings.json")
            for name in self._settings.steps:
                self._run_step(name, STEPS[name])
        return all(s["status"] in ("passed", "skipped") for s in self.report["steps"].values())

    def _run_step(self, name, step):
        begin = time.monotonic()
        end = min(begin + step.seconds * self._slower, self._deadline)
        budget = round(max(end - begin, 0))
        found = {"title": step.title, "budget": budget, "status": "running", "parts": {}}
        self.report["steps"][name] = found
        parts = step.module().PARTS
        self._say(f"{name}: {step.title} (at most {budget} s) ...")
        if step.together:
            self._run_parts(name, parts, end)
        else:
            for i, part in enumerate(parts):
                # What is left of the budget is divided among the parts that are left.
                now = time.monotonic()
                self._run_parts(name, (part,), now + (end - now) / (len(parts) - i))
        statuses = {part["status"] for part in found["parts"].values()}
        order = ("failed", "stopped", "passed", "skipped")
        found["status"] = next(status for status in order if status in statuses)
        found["seconds"] = round(time.monotonic() - begin, 1)
        self.write()
        self._say(f"{name}: {found['status']} after {found['seconds']} s")

    def _run_parts(self, step, parts, end):
        """Starts the parts at the same time, and returns when all have ended or are stopped."""
        running = {part: self._start(step, part) for part in parts}
        try:
            while running:
                late = time.monotonic() >= end
                for part, process in list(running.items()):
                    if process.poll() is not None or late:
                        self._collect(step, part, _stop(process))
                        del running[part]
                if time.monotonic() >= self._next_write:
                    self.write()
                time.sleep(_POLL_SECONDS)
        finally:
            for process in running.values():
                _stop(process)

    def _start(self, step, part):
        path = self._record_path(step, part)
        command = [sys.executable, "-m", "custom_ops.cuda_check.part", step, part]
        command += [str(self._folder / "settings.json"), str(path)]
        errors = path.with_suffix(".err").open("wb")
        # A session of its own, so that a part is stopped together with what it has started.
        return subprocess.Popen(
            command, cwd=ROOT, stdout=errors, stderr=errors, start_new_session=True
        )

    def _collect(self, step, part, status):
        path = self._record_path(step, part)
        errors = path.with_suffix(".err").read_text(errors="replace")
        content = record.read(path) or {"values": {}, "rows": [], "problems": [], "skipped": ""}
        if status == "failed" and not content["problems"]:
            content["problems"].append(f"The process died: {errors[-1500:].strip()}")
        if status == "stopped":
            content["problems"].append("It was stopped at the end of its time.")
        if status == "passed" and content["skipped"]:
            status = "skipped"
        self.report["steps"][step]["parts"][part] = {"status": status, **content}

    def _record_path(self, step, part):
        return self._folder / f"{step}-{part.replace(':', '-')}.json"

    def write(self):
        """Writes the report, with what the parts that still run have found so far."""
        report = json.loads(json.dumps(self.report))
        for step, found in report["steps"].items():
            for part in STEPS[step].module().PARTS:
                content = record.read(self._record_path(step, part))
                if part not in found["parts"] and content is not None:
                    found["parts"][part] = {"status": "running", **content}
        partial = self._output / "report.partial"
        partial.write_text(json.dumps(report, indent=1) + "\n")
        os.replace(partial, self._output / "report.json")
        self._next_write = time.monotonic() + _WRITE_SECONDS


def _stop(process):
    """Ends a part's process, with those it has started, and returns its status."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "stopped"
    return "failed" if process.returncode else "passed"
