"""Where a user's own network is built: ``model.build``."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from huberflow.pipeline.objects.sources import ObjectsError


@dataclass(frozen=True)
class Network:
    """A function of a user's module.

    Attributes:
      path: of the file, or of the package that the module is in: what is copied.
      module: by which it is imported.
      function: its name.
    """

    path: Path
    module: str
    function: str


def named(written: object) -> Network:
    """What ``my_model.py:build_model``, or ``package.module:build_model``, stands for.

    Raises:
      ObjectsError: it is neither, or the package is not installed.
    """
    place, colon, function = str(written).rpartition(":")
    if not (colon and place and function.isidentifier()):
        raise ObjectsError(
            "model.build: expected a file or an installed module, and a function in it, received "
            f"{written!r}; write: --set model.build=my_model.py:build_model"
        )
    if place.endswith(".py"):
        return Network(Path(place), Path(place).stem, function)
    return Network(_installed(place), place, function)


def _installed(module: str) -> Path:
    """The file or folder of the module's root; nothing is imported."""
    root = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(root)
    except ValueError:  # Python's own __main__, and what is no name
        spec = None
    if spec is None or spec.origin is None or not spec.has_location:
        raise ObjectsError(
            f"model.build: expected a file or an installed module, received {module!r}; "
            f"write a file's name with its .py, such as {module.replace('.', '/')}.py:build_model"
        )
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path
