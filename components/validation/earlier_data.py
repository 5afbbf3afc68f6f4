"""Selects the earlier data that new data are compared with."""

from typing import ClassVar

from ml_metadata.metadata_store import MetadataStore
from tfx import types
from tfx.dsl.components.common import resolver

from huberflow.components.contracts.validation_findings import ACCEPTED, STATISTICS_ID


class LastAcceptedOther(resolver.ResolverStrategy):
    """Selects the last artifact that was accepted, except the current one.

    A subclass sets the names of the inputs: the current artifact, all artifacts of its type, and
    the verdicts (artifacts that say whether another artifact was accepted). It also sets the names
    of a verdict's custom properties: the id of its artifact, and whether this was accepted.

    Args:
      newest: id of the newest verdict that counts; None: all count. With it, all runs of a sweep
        are compared with the same artifact, which was accepted before the sweep began.
    """

    CURRENT: ClassVar[str]
    ARTIFACTS: ClassVar[str]
    VERDICTS: ClassVar[str]
    ARTIFACT_ID: ClassVar[str]
    IS_ACCEPTED: ClassVar[str]

    def __init__(self, newest: int | None = None) -> None:
        self._newest = newest

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Keeps the current artifact, and at most one other with its verdict."""
        del store
        current = {artifact.id for artifact in input_dict[self.CURRENT]}
        others = {each.id: each for each in input_dict[self.ARTIFACTS] if each.id not in current}
        for verdict in sorted(input_dict[self.VERDICTS], key=lambda v: v.id, reverse=True):
            is_old_enough = self._newest is None or verdict.id <= self._newest
            artifact = others.get(verdict.get_int_custom_property(self.ARTIFACT_ID))
            if is_old_enough and artifact and verdict.get_int_custom_property(self.IS_ACCEPTED):
                return {**input_dict, self.ARTIFACTS: [artifact], self.VERDICTS: [verdict]}
        return {**input_dict, self.ARTIFACTS: [], self.VERDICTS: []}


class LastOtherData(LastAcceptedOther):
    """Selects the statistics of the last data that a run accepted, except the current data.

    Data that do not match a pinned schema are never selected: otherwise, drift of the next correct
    data would be measured against wrong data.
    """

    CURRENT, ARTIFACTS, VERDICTS = "current", "statistics", "anomalies"
    ARTIFACT_ID, IS_ACCEPTED = STATISTICS_ID, ACCEPTED
