"""Starts a project: a config with every key explained, and a module of the user's own objects."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Config, Files
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.resolve import sample
from huberflow.pipeline.resolve.resolved_run import ResolvedConfig, resolve_config
from huberflow.pipeline.system.atomic_write import written_atomically

CONFIG, OBJECTS = "config.yaml", "my_objects.py"


def write(folder: Path, settings: Sequence[str]) -> tuple[list[Path], ResolvedConfig]:
    """Writes both files; they run as they are, from any folder.

    Args:
      folder: made where it is not there; files in it are left as they are.
      settings: what differs from the defaults, see ``resolve_config``.

    Returns:
      The files, and what was read to write them.

    Raises:
      InputError: one of the files exists, the folder cannot be written, or a setting is wrong.
    """
    config, objects = (folder.absolute() / name for name in (CONFIG, OBJECTS))
    for path in (config, objects):
        if path.exists():
            expected, hint = (
                f"a folder without {path.name}",
                "write another folder, or move the file",
            )
            raise InputError("init", expected=expected, received=str(folder), hint=hint)
    resolved = resolve_config(None, settings)
    found = _from_any_folder(resolved.config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _put(objects, resources.files(sample).joinpath(OBJECTS).read_text(encoding="utf-8"))
        _put(config, to_yaml(found.model_copy(update={"objects": (objects,)})))
    except OSError as error:
        expected, received = "a folder that can be written", f"{folder} ({error.strerror})"
        raise InputError("init", expected=expected, received=received) from error
    return [config, objects], resolved


def _from_any_folder(config: Config) -> Config:
    data, splits = config.data, config.data.splits
    files = {name: path and path.absolute() for name, path in splits.files}
    found = {
        "path": data.path and data.path.absolute(),
        "splits": splits.model_copy(update={"files": Files(**files)}),
    }
    return config.model_copy(update={"data": data.model_copy(update=found)})


def _put(path: Path, text: str) -> None:
    with written_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
