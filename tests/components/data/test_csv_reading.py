"""Reading CSV files, apart from what TFX would read."""

import subprocess
import sys

PROCESSES = 60
"""One in ten of them aborted while Arrow's threads had Python's memory."""

REFUSED_LATE = """
import os, sys
from pathlib import Path
from huberflow.components.data.csv_reading import read_batches
from huberflow.components.data.files import Source

def end_after_reading():
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    next(read_batches(Source("csv", (Path(sys.argv[1]),))))
    sys.exit(2)

print({end_after_reading() for _ in range(int(sys.argv[2]))})
"""


def test_a_process_may_end_while_threads_still_let_go_of_the_text(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a,b,c,d,w\n" + "".join(f"{n},{n}.5,x{n},1,-2\n" for n in range(600)))
    command = [sys.executable, "-c", REFUSED_LATE, str(file), str(PROCESSES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout, done.stderr) == ("{2}\n", "")
