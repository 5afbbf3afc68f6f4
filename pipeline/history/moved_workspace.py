"""Where things of a workspace lie now that it was moved, or is a copy.

ML Metadata and journals have absolute paths of artifacts, below the folder in which the workspace
lay when they were written: ``<workspace>/artifacts/<node>/<key>/<id of the execution>``.
"""

from pathlib import Path


def writer_root(artifact: Path) -> Path | None:
    """The folder of the workspace that wrote an artifact, when it did; None: no workspace did.

    Example::

        >>> writer_root(Path("/runs/artifacts/Trainer/model/7"))
        PosixPath('/runs')
        >>> writer_root(Path("/elsewhere/model"))
    """
    written = len(artifact.parts) > 4 and artifact.parents[2].name == "artifacts"
    return artifact.parents[3] if written else None


def former_root(artifact: Path, root: Path) -> Path | None:
    """The folder in which a workspace lay when it wrote an artifact, if that is another one now.

    Args:
      artifact: the recorded path.
      root: the folder in which the workspace lies now.

    Returns:
      None where that is ``root``, and where the artifact is not in the workspace.

    Example::

        >>> former_root(Path("/runs/artifacts/Trainer/model/7"), Path("/runs"))
    """
    former = writer_root(artifact)
    if former in (None, root) or not (root / artifact.relative_to(former)).exists():
        return None
    return former


def moved(text: str, former: Path, root: Path) -> str:
    """A path below the former folder as it is below the new one; other text as it is.

    Example::

        >>> moved("/old/serving/taxi/1", Path("/old"), Path("/new"))
        '/new/serving/taxi/1'
        >>> moved("blessed", Path("/old"), Path("/new"))
        'blessed'
    """
    path = Path(text)
    return str(root / path.relative_to(former)) if path.is_relative_to(former) else text
