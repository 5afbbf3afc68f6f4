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


class TestEarlierData:
    def test_are_those_that_a_run_went_on_with_last(self):
        assert resolve(3, SEEN) == {"current": [3], "statistics": [2], "anomalies": [12]}

    def test_are_none_at_first(self):
        assert resolve(1, []) == {"current": [1], "statistics": [], "anomalies": []}

    def test_are_never_the_current_ones(self):
        assert resolve(2, SEEN)["statistics"] == [1]

    def test_may_be_younger_where_a_run_goes_back_to_old_data(self):
        assert resolve(1, SEEN)["statistics"] == [2]

    def test_are_none_that_the_pinned_schema_refused(self):
        assert resolve(3, [SEEN[0], anomalies(12, of=2, accepted=False)])["statistics"] == [1]

    def test_are_still_there(self):
        assert resolve(3, [*SEEN, anomalies(13, of=9)])["statistics"] == [2]

    @pytest.mark.parametrize(("newest", "found"), [(12, [2]), (11, [1]), (10, [])])
    def test_of_a_sweep_are_no_newer_than_it(self, newest, found):
        assert resolve(3, SEEN, newest=newest)["statistics"] == found
