"""The user's function that builds the network: ``model.build``."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from huberflow.custom_objects.input_error import InputError


@dataclass(frozen=True)
class NetworkFunction:
    """A function of a user's module.

    Attributes:
      path: the file, or the package that the module is in: what is copied.
      module: by which it is imported.
      function: its name.
    """

    path: Path
    module: str
    function: str


def parse(build: object) -> NetworkFunction:
    """The function that ``my_model.py:build_model`` or ``package.module:build_model`` names.

    Raises:
      InputError: it is neither, or the package is not installed.
    """
    module, colon, function = str(build).rpartition(":")
    if colon and module and function.isidentifier():
        if module.endswith(".py"):
            return NetworkFunction(Path(module), Path(module).stem, function)
        if path := _installed(module.partition(".")[0]):
            return NetworkFunction(path, module, function)
    raise InputError(
        "model.build",
        expected="a file or an installed module, and a function in it",
        received=repr(build),
        write="--set model.build=my_model.py:build_model",
    )


def _installed(package: str) -> Path | None:
    """The file or folder of an installed module or package; nothing is imported."""
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # Python's own __main__, and what is no name
        return None
    if spec is None or spec.origin is None or not spec.has_location:
        return None
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path
