"""Objects of a script or notebook as a module, which a bundle can carry."""

import os
from collections.abc import Callable
from typing import Any

from huberflow.components.bundle import written_module


def write(path: str | os.PathLike[str], *objects: Callable[..., Any]) -> Any:
    """Writes classes and functions of a script or notebook to a module, imports and registers them.

    A reload imports the objects of a model from modules; a script or a notebook is none. The module
    has the source of the objects, and the imports, helpers and constants that they use.

    Args:
      path: the module's file. It is new; or this function wrote it, nobody changed it since, and it
        is replaced.
      *objects: classes and functions; all of one module in one call.

    Returns:
      The objects as the module has them, registered with Keras by the module's name: one object, or
      a tuple of several. Use these in the model.

    Raises:
      InputError: the file has other content, or other objects too, or is no new module; or the
        source of an object cannot be found, uses a value that cannot be written as Python, or took
        one that has changed since.

    Example::

        >>> import tempfile
        >>> import huberflow
        >>> def twice(x):
        ...     return 2.0 * x
        >>> twice = huberflow.objects.write(tempfile.mkdtemp() + "/my_activations.py", twice)
        >>> twice.__module__
        'my_activations'

    In a notebook: ``MyLoss, MyMetric = huberflow.objects.write("mine.py", MyLoss, MyMetric)``.
    """
    return written_module.write(path, *objects)
