"""Public names that are imported when they are used for the first time."""

import importlib
from collections.abc import Callable, Mapping

from huberflow.installation.docstrings import docstrings_named
from huberflow.installation.extras import missing_extra_named


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """The ``__getattr__`` of a package that imports each public name when it is first used.

    Where a name needs an extra that is not installed, the error says which::

        __getattr__ = lazy_names(__name__, {"Pusher": "huberflow.components.export.pusher"})

    Args:
      package: the package's own name.
      modules: for each public name the module that defines it; the module itself where the name is
        that of a module of the package.
    """

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        user = f"{package}.{name}"
        with missing_extra_named(user), docstrings_named(user):
            module = importlib.import_module(modules[name])
            return module if module.__name__ == user else getattr(module, name)

    return get
