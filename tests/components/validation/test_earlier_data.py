"""Which data new data are compared with."""

from __future__ import annotations

import pytest
from tfx.types.standard_artifacts import ExampleAnomalies, ExampleStatistics

from huberflow.components.contracts import validation_findings
from huberflow.components.validation.earlier_data import LastOtherData


def statistics(number: int) -> ExampleStatistics:
    made = ExampleStatistics()
    made.id = number
    return made


def anomalies(number: int, of: int, *, accepted: bool = True) -> ExampleAnomalies:
    """The ExampleValidator's verdict on the statistics ``of``."""
    made = ExampleAnomalies()
    made.id = number
    made.set_int_custom_property(validation_findings.STATISTICS_ID, of)
    made.set_int_custom_property(validation_findings.ACCEPTED, int(accepted))
    return made


def resolve(current: int, found: list[ExampleAnomalies], **config) -> dict[str, list[int]]:
    """Ids by key; the statistics 1, 2 and 3 are there."""
    inputs = {
        "current": [statistics(current)],
        "statistics": [statistics(number) for number in (1, 2, 3)],
        "anomalies": found,
    }
    resolved = LastOtherData(**config).resolve_artifacts(None, inputs)
    return {key: [artifact.id for artifact in group] for key, group in resolved.items()}


SEEN = [anomalies(11, of=1), anomalies(12, of=2)]


@pytest.mark.parametrize(
    ("current", "found", "config", "statistics"),
    [
        (3, SEEN, {}, [2]),
        (1, [], {}, []),
        (2, SEEN, {}, [1]),  # never the current ones
        (1, SEEN, {}, [2]),  # younger ones, where a run goes back to old data
        (3, [SEEN[0], anomalies(12, of=2, accepted=False)], {}, [1]),
        (3, [*SEEN, anomalies(13, of=9)], {}, [2]),  # no deleted ones
        (3, SEEN, {"newest": 12}, [2]),
        (3, SEEN, {"newest": 11}, [1]),
        (3, SEEN, {"newest": 10}, []),
    ],
)
def test_earlier_data_are(current, found, config, statistics):
    resolved = resolve(current, found, **config)
    assert (resolved["current"], resolved["statistics"]) == ([current], statistics)
    assert len(resolved["anomalies"]) == len(statistics)
