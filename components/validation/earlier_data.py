"""Selects the earlier data that new data are compared with."""

from ml_metadata.metadata_store import MetadataStore
from tfx import types
from tfx.dsl.components.common import resolver

from huberflow.components.contracts.validation_findings import ACCEPTED, STATISTICS_ID


class LastOtherData(resolver.ResolverStrategy):
    """Selects the statistics of the last data that a run accepted, except the current data.

    Data that do not fit a pinned schema are never selected: else the next good data would drift
    from the bad.

    Args:
      newest: id of the newest artifact that may be selected; None: any. All runs of a sweep are
        compared with the same data, those of before the sweep.
    """

    def __init__(self, newest: int | None = None) -> None:
        self._newest = newest

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Keeps at most one of ``statistics``, and its ``anomalies``; ``current`` stays."""
        del store
        current = {statistics.id for statistics in input_dict["current"]}
        others = {each.id: each for each in input_dict["statistics"] if each.id not in current}
        for anomalies in sorted(input_dict["anomalies"], key=lambda a: a.id, reverse=True):
            is_old_enough = self._newest is None or anomalies.id <= self._newest
            statistics = others.get(anomalies.get_int_custom_property(STATISTICS_ID))
            if is_old_enough and statistics and anomalies.get_int_custom_property(ACCEPTED):
                return {**input_dict, "statistics": [statistics], "anomalies": [anomalies]}
        return {**input_dict, "statistics": [], "anomalies": []}
