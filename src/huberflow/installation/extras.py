"""The extras of huberflow: which packages each installs, and what to say when one is missing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_COMMAND_LINE = (
    "click", "filelock", "packaging", "pandas", "psutil", "pyarrow", "pydantic", "rich", "yaml",
)  # fmt: skip

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "cli": _COMMAND_LINE,
    "tfx": (
        "apache_beam", "jinja2", "matplotlib", "ml_metadata", "python_calamine",
        "tensorflow_data_validation", "tensorflow_metadata", "tensorflow_model_analysis",
        "tensorflow_serving", "tensorflow_transform", "tfx", "tfx_bsl", *_COMMAND_LINE,
    ),
    "mlflow": ("mlflow", "requests", "sqlalchemy", *_COMMAND_LINE),
    "serving": ("prometheus_client", "starlette", "uvicorn", *_COMMAND_LINE),
    "signing": ("cryptography", "model_signing", "OpenSSL", "PyKCS11", *_COMMAND_LINE),
    "kubeflow": ("kfp",),
    "keras3": ("keras",),
}  # fmt: skip
"""What huberflow imports of each extra."""

TITLES: Mapping[str, str] = {
    "cli": "the command line",
    "tfx": "TFX",
    "mlflow": "MLflow",
    "serving": "the HTTP server",
    "signing": "model signatures",
    "kubeflow": "Kubeflow Pipelines",
    "keras3": "Keras 3",
}
"""What each extra adds, in words."""


class MissingExtraError(ModuleNotFoundError):
    """A package that an extra installs is missing; the message has the line to write."""


@contextmanager
def missing_extra_named(user: str, preferred: str = "tfx") -> Iterator[None]:
    """Names the extra where a package of one cannot be imported; other errors stay as they are.

    Args:
      user: what is imported or called inside, as its caller writes it.
      preferred: the extra to name where several would install the package.

    Raises:
      MissingExtraError: in place of a ModuleNotFoundError for a package of an extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = error.name or ""
        extra = _extra_with(module, preferred)
        if extra is None:
            raise
        from huberflow.installation import remedies

        line = remedies.install(f"huberflow[{extra}]")
        raise MissingExtraError(f"{user} needs {TITLES[extra]}: {line}", name=module) from error


def _extra_with(module: str, preferred: str) -> str | None:
    package = module.partition(".")[0]
    return next((name for name in (preferred, *PACKAGES) if package in PACKAGES[name]), None)
