"""The data sets of several configs, each read once; pyarrow is imported only to read one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huberflow.pipeline.resolve.data_rows import DataRows


class DataSets:
    """The data sets that the trials of a sweep name; trials with the same paths share one."""

    def __init__(self) -> None:
        self._rows: dict[tuple[tuple[str, str], ...], DataRows] = {}

    def rows(self, paths: Mapping[str, str]) -> "DataRows | None":
        """The rows at these paths; None where there are no paths.

        Raises:
          InputError: see ``DataRows``.
        """
        if not paths:
            return None
        key = tuple(sorted(paths.items()))
        if key not in self._rows:
            from huberflow.pipeline.resolve.data_rows import DataRows

            self._rows[key] = DataRows(paths)
        return self._rows[key]
