"""Wall time of ``huberflow compare`` naming every run of a large workspace."""

import tempfile
from pathlib import Path

from benchmarks import generated_runs
from benchmarks.processes import huberflow, timed
from benchmarks.times import Times

RUNS = 1_000
GOAL = 3.0


def measure(times: int) -> Times:
    """Start to exit, from journals to the table.

    Raises:
      click.ClickException: the command failed; its last lines of output are printed.
    """
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        workspace, log = Path(folder) / "workspace", Path(folder) / "log"
        command = [*huberflow("compare", workspace), *generated_runs.write(workspace, RUNS)]
        timed(command, log)  # reads the program from disk
        seconds = tuple(timed(command, log) for _ in range(times))
    return Times(f"{RUNS:,} runs", GOAL, seconds)
