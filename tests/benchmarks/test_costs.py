from pathlib import Path

import pytest
from journals import Story

from benchmarks import costs
from benchmarks.costs import ONE, REST, SEVERAL, STAGES, Cost, Costs
from huberflow.pipeline.history.workspace import Workspace


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """A run of 60 seconds and 40 of CPU, whose stages took 10 and 4 each."""

    def timed(command, log):
        workspace = Workspace(Path(command[command.index("--workspace") + 1]))
        story = Story(workspace.journals)
        for name in STAGES:
            written = workspace.artifacts / name
            written.mkdir(parents=True)
            (written / "part").write_bytes(bytes(1_000))
            usage = {"cpu_seconds": 4.0, "peak_memory_mb": 512.0}
            story.runs(name, seconds=10.0, usage=usage, outputs={"output": (written, {})})
        story.ends()
        return 60.0

    cpu = iter([100.0, 140.0])
    monkeypatch.setattr(costs, "timed", timed)
    monkeypatch.setattr(costs, "_children_cpu_seconds", lambda: next(cpu))
    return costs.costs_of_run(tmp_path / "trips.csv", 1_000, ONE, tmp_path / "run")


def test_a_run_has_the_cost_of_each_stage_and_of_the_rest(ran):
    assert ran.whole == Cost(40.0, 60.0)
    assert ran.stages["ExampleGen"] == Cost(4.0, 10.0, 512.0, 1_000)
    assert ran.stages[REST] == Cost(40.0 - 6 * 4.0, 60.0 - 6 * 10.0)


def test_a_stage_has_a_fixed_part_and_one_for_each_million_rows(capsys):
    def runs(start: float) -> list[Costs]:
        taken = {
            rows: Cost(start + 5e-6 * rows, 2e-6 * rows, 100 + rows / 1e6, 50 * rows)
            for rows in (1_000_000, 2_000_000)
        }
        return [Costs(rows, cost, {"ExampleGen": cost}) for rows, cost in taken.items()]

    costs.show({ONE: runs(10.0), SEVERAL: runs(30.0)})

    shown = capsys.readouterr().out
    one, several = [line for line in shown.splitlines() if "ExampleGen" in line]
    assert one.split("│")[2:7] == [
        "    10.0 s ", "       5.0 s ", "        2.0 s ", "            50 ", " 101 to 102 MB ",
    ]  # fmt: skip
    assert "30.0 s" in several
    assert "1 1,000,000 rows" in shown
    assert "1.00" in shown


def test_every_size_is_run_in_one_process_and_in_several_in_turn(monkeypatch, capsys):
    ran, shown = [], {}

    def costs_of_run(data, rows, mode, workspace):
        ran.append((rows, len(data.read_text().splitlines()) - 1, mode))
        return Costs(rows, Cost(41.0, 106.0), {})

    monkeypatch.setattr(costs, "COPIES", (1,))
    monkeypatch.setattr(costs, "warm_up", lambda: None)
    monkeypatch.setattr(costs, "costs_of_run", costs_of_run)

    monkeypatch.setattr(costs, "show", shown.update)
    costs.run(2)

    assert ran == [(15_002, 15_002, ONE), (15_002, 15_002, SEVERAL)] * 2
    assert [len(runs) for runs in shown.values()] == [2, 2]
    assert f"15,002 rows in {ONE}: 106.0 s, 41.0 s of CPU" in capsys.readouterr().out
