"""From what a user asks to what a run needs: each part made once, and carried from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from huberflow.custom_objects.catalogue import BUILT_IN
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.beam.beam_target import BeamTarget, check_options, resolve_target
from huberflow.pipeline.config import Config, reading
from huberflow.pipeline.config.data import paths_of
from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.data import taxi
from huberflow.pipeline.history.workspace import Workspace, unwritable
from huberflow.pipeline.objects import config_objects
from huberflow.pipeline.objects.inspection import ValidatedObjects
from huberflow.pipeline.system.disk_failure import disk_is_full

if TYPE_CHECKING:  # numpy and pyarrow are imported only where a config names data
    from huberflow.pipeline.data.profile import DataProfile
    from huberflow.pipeline.data.written import Written
    from huberflow.pipeline.resolve.data_rows import DataRows


DataSets: TypeAlias = dict[tuple[tuple[str, str], ...], "DataRows"]
"""The data that configs name, by their paths and how they are read: once for all trials."""


@dataclass(frozen=True)
class ResolvedConfig:
    """A validated config, and what its validation read.

    Attributes:
      config: validated, alone and with its data and custom objects.
      workspace: the folder that it names.
      defaults: what the config would be if the user set nothing but the data, as JSON.
      data: the rows that the config names; None for the built-in taxi trips.
      objects: the custom objects that the config names; None without any.
    """

    config: Config
    workspace: Workspace
    defaults: Mapping[str, JSON]
    data: "DataRows | None"
    objects: ValidatedObjects | None

    def warnings(self) -> list[str]:
        """What works and may surprise, a line each; reads a sample of the rows."""
        from_objects = self.objects.warnings if self.objects else ()
        if self.data is None:
            return [*from_objects]
        from huberflow.pipeline.resolve.data_defaults import data_warnings

        return [*data_warnings(self.config, self.data), *from_objects]

    def training_plan(self) -> list[str]:
        """How the model is trained on a user's own data, a line each."""
        if self.data is None:
            return []
        from huberflow.pipeline.resolve.training_defaults import describe_training

        labelled = self.data.profile.rows - self.config.data.rows_without_label
        return describe_training(self.config, labelled)


@dataclass(frozen=True)
class ResolvedRun:
    """All that a run needs, from the command line to its last node.

    Attributes:
      config: validated.
      changes: values of the config that differ from the defaults for its data, by dotted key.
      profile: the columns of the data; None for the built-in taxi trips.
      objects: the description of the custom objects and the ``folder`` of their copy in the
        workspace; None without any.
      beam: where Beam processes the rows.
      workspace: where the run writes.
    """

    config: Config
    changes: Mapping[str, JSON]
    profile: "DataProfile | None"
    objects: UserObjects | None
    beam: BeamTarget
    workspace: Workspace


def resolve_config(
    path: Path | None = None, settings: Sequence[str] = (), data_sets: DataSets | None = None
) -> ResolvedConfig:
    """The config that a user asks for, completed and checked by its data and custom objects.

    Args:
      path: a YAML file with any of the keys of ``Config``.
      settings: ``a.b=value`` each; the value is YAML. They win over the file.
      data_sets: of other configs; gets the data of this one.

    Raises:
      InputError: a file, a key or a value is wrong; names each, and what to write.
    """
    asked = reading.read(path, settings)
    together = asked.over({})
    rows = inferred = None
    if paths := _paths(together):
        from huberflow.pipeline.resolve.data_defaults import check_data, infer_defaults
        from huberflow.pipeline.resolve.data_rows import DataRows

        missing = _missing(together)
        written = _written(together)
        key = (*sorted(paths.items()), ("data.missing", flow([*missing])), ("", repr(written)))
        data_sets = {} if data_sets is None else data_sets
        rows = data_sets[key] = data_sets.get(key) or DataRows(paths, missing, written)
        inferred = infer_defaults(together, rows)
    workspace = workspace_of(together)
    objects = config_objects.inspect(together, workspace)
    values = inferred.values(together.get("features")) if inferred else Config().plain()
    catalogue = objects.description.catalogue() if objects else BUILT_IN
    config = reading.validate(asked.over(values), catalogue)
    if objects:
        config_objects.check(objects, config, workspace)
    if rows:
        config = check_data(config, rows)
    else:
        taxi.check_columns(config.data.labels, config.data.weight)
    defaults = inferred.values() if inferred else Config().plain()
    return ResolvedConfig(config, workspace, defaults, rows, objects)


def workspace_of(asked: Mapping[str, Any]) -> Workspace:
    """The workspace that a user asks for.

    Raises:
      InputError: the folder's name is not UTF-8.
    """
    return Workspace.at(Path(str(asked.get("workspace") or Config().workspace)))


def resolve(found: ResolvedConfig) -> ResolvedRun:
    """All that a run with this config needs.

    Custom objects, and the packages of remote workers, are copied into the workspace.

    Raises:
      InputError: the pinned schema or the signing key cannot be used, Beam's options are wrong, or
        the workspace cannot be written.
      InputError: a file of custom objects was changed since it was validated.
    """
    from huberflow.pipeline.schema import schema_file

    config, workspace = found.config, found.workspace
    profile = found.data.profile if found.data else None
    schema_file.check_schema(config, profile.columns if profile else ())
    check_options(config.beam)
    _check_signing(config)
    try:
        objects = config_objects.install(found.objects, workspace) if found.objects else None
        beam = resolve_target(config, objects, workspace)
    except OSError as error:
        if disk_is_full(error):
            raise
        raise unwritable(workspace.root, error) from error
    return ResolvedRun(config, changes(found), profile, objects, beam, workspace)


def _check_signing(config: Config) -> None:
    if config.export.signing.method is None:
        return
    from huberflow.components.bundle import signing_keys  # it needs an extra

    try:
        signing_keys.check(config.export.signing.keys())
    except InputError as error:
        raise error.below("export.signing") from error


def changes(found: ResolvedConfig) -> dict[str, JSON]:
    """Values that differ from the defaults for the data, by dotted key.

    Where a run is computed and kept is no change: the same run elsewhere has the same name.
    """
    defaults = flatten(found.defaults)
    return {
        key: value
        for key, value in flatten(found.config.plain()).items()
        if value != defaults.get(key) and not key.startswith(_NOT_THE_RUN)
    }


_NOT_THE_RUN = ("workspace", "export.", "beam.", "tracking.", "kubeflow.")


def load(path: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """The config alone; see ``resolve_config``."""
    return resolve_config(path, settings).config


def _paths(asked: Mapping[str, Any]) -> dict[str, str]:
    data = asked.get("data")
    return paths_of(data) if isinstance(data, Mapping) else {}


def _written(asked: Mapping[str, Any]) -> "Written":
    """How values are written, as far as the user says; the config refuses wrong values later."""
    from huberflow.components.contracts.amount_formats import is_amount_format
    from huberflow.pipeline.data.written import Written

    data, features = asked["data"], asked.get("features")
    given = [data.get("amounts"), features.get("amounts") if isinstance(features, Mapping) else {}]
    amounts = {
        name: str(form)
        for each in given
        for name, form in (each.items() if isinstance(each, Mapping) else ())
        if is_amount_format(str(form))
    }
    decimal, day_first = data.get("decimal"), data.get("day_first")
    return Written(
        amounts=amounts,
        decimal=decimal if decimal in ("point", "comma") else None,
        day_first=day_first if isinstance(day_first, bool) else None,
    )


def _missing(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of ``data.missing``; the config refuses anything else later."""
    texts = asked["data"].get("missing")
    return tuple(text for text in texts if isinstance(text, str)) if texts else ()
