"""The releases of Python, TensorFlow and other distributions that a model is loaded with."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import ReloadError
from .keras_2 import keras_2
from .layout import Certificate, Distribution

if TYPE_CHECKING:
    pass


def warn_of_other_versions(certificate: Certificate) -> None:
    """Warns where the model was exported with releases that it was not tested with here."""
    exported = {name: str(version) for name, version in certificate["versions"].items()} | {
        each["name"]: each["version"] for each in certificate["source"]["requirements"]
    }
    current = {name: _installed(name) for name in exported} | versions()
    differences = [
        f"{name} {version}, now {now}"
        for name, version in exported.items()
        if (now := current[name]) not in (version, None)
        and not (_is_tested(name, version) and _is_tested(name, now))
    ]
    if differences:
        warnings.warn(f"exported with other versions: {'; '.join(differences)}", stacklevel=4)


@contextmanager
def older_keras_named(saved: str) -> Iterator[None]:
    """Names the versions where an older tf_keras does not understand what a newer one saved."""
    try:
        yield
    except Exception as error:
        current = keras_2().__version__
        if _release(current) >= _release(saved):
            raise
        raise ReloadError(
            f"tf_keras: expected {saved}, which saved the model, or newer; received {current}, "
            f"which cannot load it ({type(error).__name__}): pip install "
            f'"tf-keras=={saved}", or use predictor'
        ) from error


_TESTED = {"python": ("3.11", "3.13"), "tensorflow": ("2.20", "2.21"), "tf_keras": ("2.20", "2.21")}
"""The oldest and the newest versions in which bundles were loaded with their golden values."""


def _is_tested(name: str, version: str) -> bool:
    oldest, newest = _TESTED.get(name, ("0", "0"))
    return _release(oldest) <= _release(version) <= _release(newest)


def _release(version: str) -> list[int]:
    """``[2, 21]`` of ``2.21.0``."""
    return [int(part) for part in re.findall(r"\d+", version)[:2]]


def refuse_missing(requirements: Sequence[Distribution]) -> None:
    """Refuses a model whose source needs distributions that are not installed."""
    if missing := [each for each in requirements if _installed(each["name"]) is None]:
        pinned = " ".join(f'"{each["name"]}=={each["version"]}"' for each in missing)
        raise ReloadError(
            f"the model's source needs {', '.join(each['name'] for each in missing)}, which is not "
            f"installed: pip install {pinned}"
        )


def _installed(distribution: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """The versions in this process that a model's numbers may depend on."""
    import tensorflow as tf

    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "tensorflow": tf.__version__,
        "tf_keras": keras_2().__version__,
    }
