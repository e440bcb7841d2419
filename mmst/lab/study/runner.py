"""Runs the rest of a study: runs side by side, each as soon as its needs are there."""
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...engine.run.stop import StopSignals
from ...errors import MMSTError
from .jobs import Job, command
from .plan import Plan, blocked_by
from .process import Process
from .progress import Progress
from .records import mark, write_record

#: Seconds between two looks at the processes.
PATIENCE = 0.2


class StudyRunner:
    """Executes a plan.

    Args:
        plan (Plan): The jobs to do; its ``records`` grow.
        slots (Sequence[Mapping]): Changes to the environment of each run side by side.
        tools (str): Folder of the tools.
        records (Path): Folder of the records.
        size (str): Name of the size.
        progress (Progress): Shows how far the study is.
    """

    def __init__(self, plan: Plan, slots: Sequence[Mapping[str, str]], tools: str, records: Path,
                 size: str, progress: Progress):
        self.plan, self.slots, self.tools = plan, list(slots), tools
        self.folder, self.size, self.progress = records, size, progress
        self.waiting: list[Job] = list(plan.todo)
        self.running: dict[int, Any] = {}
        self.failed: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        """Do all runs whose needs are met.

        Returns:
            dict: Key of each job that failed, or that needs one that failed, to the reason.

        Raises:
            Stopped: SIGTERM or SIGINT has come; the runs have ended with a checkpoint each.
        """
        with StopSignals():
            try:
                while self.waiting or self.running:
                    self._start_what_can_start()
                    self._look_at_processes()
            finally:
                for _, process in self.running.values():
                    process.ask_to_stop()
                for _, process in self.running.values():
                    process.stop()
        return self.failed

    def _start_what_can_start(self) -> None:
        for job in list(self.waiting):
            blocking = blocked_by(job, set(self.failed))
            if blocking:
                self._end(job, f'not started: {blocking[0]} failed')
                self.waiting.remove(job)
        free = [i for i in range(len(self.slots)) if i not in self.running]
        for slot in free:
            ready = next((job for job in self.waiting if self._ready(job)), None)
            if ready is None:
                return
            self.waiting.remove(ready)
            self._start(ready, slot)

    def _ready(self, job: Job) -> bool:
        busy: set[str] = {other.key for other in self.waiting}
        busy.update(other.key for other, _ in self.running.values())
        return not any(other.key in busy for other in job.needs.values())

    def _start(self, job: Job, slot: int) -> None:
        try:
            words = command(job, self.tools)
            if job.result.is_file():  # it had ended, and only the record was missing
                self._finish(job, words, None)
                return
            mark(job)
            self.running[slot] = (job, Process(words, job.folder, self.slots[slot]))
            self.progress.note_start(job)
        except MMSTError as error:
            self._end(job, str(error))

    def _look_at_processes(self) -> None:
        if self.running:
            time.sleep(PATIENCE)
        for slot, (job, process) in list(self.running.items()):
            code = process.poll()
            if code is None:
                self.progress.note_epochs(job, process.epochs())
                continue
            del self.running[slot]
            process.stop()
            if code == 0:
                self._finish(job, process.words, round(process.seconds(), 1))
            else:
                self._end(job, f'exit code {code}: {process.last_line()} (log: {process.log})')

    def _finish(self, job: Job, words: list[str], seconds: float | None) -> None:
        try:
            record = write_record(self.folder, job, self.size, words, seconds,
                                  str(Path(self.tools).parent))
        except MMSTError as error:
            self._end(job, str(error))
            return
        self.plan.records[job.key] = record
        self.progress.note_end(job, record)

    def _end(self, job: Job, reason: str) -> None:
        self.failed[job.key] = reason
        self.progress.note_failure(job, reason)
