"""The rows of the data that a config names, each fact about them read once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from huberflow.components.contracts.target import Target
from huberflow.components.data.files import Source
from huberflow.pipeline.data import checks, profile, reading, source
from huberflow.pipeline.data.labelled import Tally, count_rows, is_labelled
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile
from huberflow.pipeline.data.written import Written
from huberflow.pipeline.system import logs


class DataRows:
    """The rows of one data set; what is asked for again is not read again.

    Args:
      paths: files, folders or patterns, by the config's keys that name them.
      missing: texts that are missing values in every column.
      written: what the user says of how values are written.

    Raises:
      InputError: they cannot be used, or do not go together.
    """

    def __init__(
        self, paths: Mapping[str, str], missing: Sequence[str] = (), written: Written | None = None
    ) -> None:
        self.paths, self._written = dict(paths), written or Written()
        found = source.find_sources(paths)
        self.files = {key: replace(each, missing=tuple(missing)) for key, each in found.items()}
        """The files of each path, by the config's key."""
        self.source: Source = replace(source.merge_sources(found), missing=tuple(missing))
        """The files of all paths, as one data set."""
        self._tallies: dict[tuple[str, Target], Tally] = {}
        self._checked_weights: set[tuple[str, Target]] = set()
        self._unlabelled: dict[Target, int] = {}

    @cached_property
    def profile(self) -> DataProfile:
        """The columns, profiled over all rows.

        Raises:
          InputError: TFX could not read the rows, or would read them wrongly.
        """
        with logs.quiet():  # TensorFlow reads TFRecords
            return profile.profile_rows(self.source, self._written)

    def read_amounts(self, names: Sequence[str]) -> dict[str, str]:
        """Reads those of some columns that have amounts as numbers from here on; their formats."""
        columns = [self.profile.columns[name] for name in names if name in self.profile.columns]
        formats = {each.name: each.amount_format for each in columns if each.amount_format}
        self.source = replace(self.source, amounts=formats)
        self.files = {key: replace(each, amounts=formats) for key, each in self.files.items()}
        return formats

    def tally(self, column: ColumnProfile, target: Target) -> Tally:
        """Rows by the value or the day in a column."""
        key = (column.name, target)
        if key not in self._tallies:
            self._tallies[key] = count_rows(self.source, column, target)
        return self._tallies[key]

    def check_weight(self, weight: str, target: Target) -> None:
        """Refuses a column of weights that cannot be used.

        Raises:
          InputError: see ``checks.check_weight``.
        """
        if (weight, target) not in self._checked_weights:
            checks.check_weight(self.source, self.profile, weight, target)
            self._checked_weights.add((weight, target))

    def count_unlabelled(self, target: Target) -> int:
        """The number of rows without a label, which are dropped."""
        if not (target.classes or target.separate_labels):
            return self.profile.columns[target.name].missing
        if target not in self._unlabelled:
            self._unlabelled[target] = sum(
                int((~is_labelled(batch, target)).sum())
                for batch in reading.read_batches(self.source)
            )
        return self._unlabelled[target]
