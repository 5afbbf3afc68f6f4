"""Finds the data that new data are held against."""

from typing import Any

from tfx.dsl.components.common import resolver

from huberflow.components.validation.validation_findings import ACCEPTED, STATISTICS_ID


class LastOtherData(resolver.ResolverStrategy):
    """The statistics of the last data that a run went on with, the current data left out.

    What a pinned schema has refused counts for nothing: else the next good data would drift from
    the bad.

    Args:
      newest: id of the newest artifact that counts, or none: all do. The runs of a sweep are held
        against the same data, those of before the sweep.
    """

    def __init__(self, newest: int | None = None) -> None:
        self._newest = newest

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]]:
        """Keeps at most one of ``statistics``, and its ``anomalies``; ``current`` stays."""
        del store
        current = {statistics.id for statistics in input_dict["current"]}
        others = {each.id: each for each in input_dict["statistics"] if each.id not in current}
        found: dict[str, list[Any]] = {**input_dict, "statistics": [], "anomalies": []}
        for anomalies in sorted(input_dict["anomalies"], key=lambda a: a.id, reverse=True):
            counts = self._newest is None or anomalies.id <= self._newest
            statistics = others.get(anomalies.get_int_custom_property(STATISTICS_ID))
            if counts and statistics and anomalies.get_int_custom_property(ACCEPTED):
                found |= {"statistics": [statistics], "anomalies": [anomalies]}
                break
        return found
