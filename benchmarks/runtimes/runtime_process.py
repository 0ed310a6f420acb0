import concurrent.futures
import concurrent.futures.process
import contextlib
import importlib
import multiprocessing
import os
import signal
import time

# Threads of a pool that has just worked go on spinning for a few milliseconds.
SETTLE_SECONDS = 0.02
_runtime = None


class EndedProcessError(Exception):
    """A process has ended: it crashed, or a call took longer than it may."""


class RuntimeProcess:
    """A process that holds the models of one runtime and times them on demand.

    Runtimes bring their own thread pools and libraries; in processes of their own, those of one
    are at rest while another is timed.

    Args:
        name: Module of `benchmarks.runtimes` with a class `Runtime`.
        settings: `RunSettings`.

    Attributes:
        is_alive: Whether it takes calls.

    Raises:
        ImportError: If the runtime is not installed.
    """

    def __init__(self, name, settings):
        spawn = multiprocessing.get_context("spawn")
        self._pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn)
        self.is_alive = True
        try:
            self._pid = self._pool.submit(_start, name, settings).result()
        except BaseException:
            self.close()
            raise

    def call(self, method, *arguments, limit=None):
        """Returns what the method of the `Runtime` in the process returns.

        Args:
            method: Name of the method.
            *arguments: Its arguments.
            limit: Seconds that it may take, or None.

        Raises:
            EndedProcessError: If it takes longer, for the process is ended then; or it crashes.
        """
        what = " ".join(map(str, (method, "of", *arguments)))
        try:
            return self._pool.submit(_call, method, arguments).result(limit)
        except concurrent.futures.process.BrokenProcessPool as error:
            self.is_alive = False
            raise EndedProcessError(
                f"The process of a runtime must live. Received: it ended in {what}, or before. Is "
                "there memory enough?"
            ) from error
        except concurrent.futures.TimeoutError as error:
            os.kill(self._pid, signal.SIGKILL)
            self.is_alive = False
            raise EndedProcessError(
                f"A step of a benchmark must end in time. Received: {what}, which was ended after "
                f"{limit:.0f} s. Allow more time, or leave it out."
            ) from error

    def seconds(self, run):
        """Runs a prepared `ModelRun` once, in a process that has come to rest."""
        return self.rested("seconds", run)

    def rested(self, method, run, limit=None):
        """Calls a method that times a `ModelRun`, in a process that has come to rest."""
        time.sleep(SETTLE_SECONDS)
        return self.call(method, run, limit=limit)

    def close(self):
        self._pool.shutdown()


@contextlib.contextmanager
def runtime_processes(names, settings, report_missing):
    """Gives a dictionary of the processes that could start; `report_missing(text)` for others."""
    processes = {}
    try:
        for name in names:
            try:
                processes[name] = RuntimeProcess(name, settings)
            except ImportError as error:
                report_missing(f"{name} is not measured: {error}")
        yield processes
    finally:
        for process in processes.values():
            process.close()


def _start(name, settings):
    global _runtime
    _runtime = importlib.import_module(f"benchmarks.runtimes.{name}_runtime").Runtime(settings)
    return os.getpid()


def _call(method, arguments):
    return getattr(_runtime, method)(*arguments)
