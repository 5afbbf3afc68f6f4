"""A virtual environment with TensorFlow and tf_keras, and nothing else that is installed here."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
WANTED = ("tensorflow[and-cuda]", "tf-keras")  # CUDA's libraries where they are installed


class BareEnvironment:
    """Made without a download and without a copy: its packages are links to those here.

    Args:
      folder: new.
      wanted: the requirements to link, with all that they need; huberflow itself is never linked.
      python: which the environment is made of; another one than this has nothing to link.
    """

    def __init__(
        self,
        folder: Path,
        wanted: tuple[str, ...] = WANTED,
        python: Path = Path(sys.executable),
    ) -> None:
        subprocess.run([python, "-m", "venv", "--symlinks", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"
        version = SITE_PACKAGES.parent.name
        site_packages = folder / "lib" / version / "site-packages"
        if wanted:
            _link(closure(wanted) - {"huberflow"}, site_packages)

    def run(
        self, *arguments: str, cwd: Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Its Python with these arguments, in this folder; of our own environment it sees nothing.

        Args:
          *arguments: of ``python``.
          cwd: where it runs.
          **environment: all variables it sees, beside how loud TensorFlow is.
        """
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=cwd,
            env={"TF_CPP_MIN_LOG_LEVEL": "2", **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def closure(requirements: tuple[str, ...]) -> set[str]:
    """The distributions that these name, and all that they need; less what is not installed."""
    found: set[str] = set()
    asked = [Requirement(text) for text in requirements]
    for wanted in asked:  # It grows: those above come first, with their extras.
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        asked += [each for each in map(Requirement, needs) if _applies(each, wanted.extras)]
    return found


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def _link(names: set[str], site_packages: Path) -> None:
    """Links a folder where all in it is of these distributions, else what in it is of them."""
    mine: set[PurePosixPath] = set()
    shared: set[PurePosixPath] = set()
    for distribution in importlib.metadata.distributions(path=[str(SITE_PACKAGES)]):
        wanted = canonicalize_name(distribution.name) in names
        for file in _files(distribution):
            (mine if wanted else shared).update([file] if wanted else file.parents)
    shared.add(PurePosixPath("."))
    for file in mine:
        path = next(each for each in (*reversed(file.parents), file) if each not in shared)
        link = site_packages / path
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(SITE_PACKAGES / path)


def _files(distribution: importlib.metadata.Distribution) -> Iterator[PurePosixPath]:
    """Those in site-packages, relative to it."""
    for file in distribution.files or []:
        if ".." not in file.parts and not os.path.isabs(file):
            yield PurePosixPath(file)
