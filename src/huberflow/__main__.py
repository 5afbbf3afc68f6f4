"""The commands ``huberflow`` (or ``python -m huberflow``) and ``huberflow-worker``."""

import sys

from huberflow.installation.extras import MissingExtraError, missing_extra_named
from huberflow.installation.unknown_user import name_unknown_user

EXTRAS = {
    "bundle": "cli",
    "compare": "tfx",
    "compile": "tfx",
    "config": "tfx",
    "doctor": "cli",
    "init": "tfx",
    "predict": "cli",
    "run": "tfx",
    "schema": "tfx",
    "serve": "serving",
    "sign": "signing",
    "sweep": "tfx",
    "track": "mlflow",
    "ui": "mlflow",
    "verify": "cli",
}
"""The extra that each verb needs."""


def main() -> None:
    """Runs a verb; where it needs an extra that is not installed, names the extra instead."""
    name_unknown_user()
    verb = next((word for word in sys.argv[1:2] if word in EXTRAS), "")
    try:
        with missing_extra_named(f"huberflow {verb}".strip(), EXTRAS.get(verb, "cli")):
            from huberflow.pipeline.cli import main as command_line

            command_line.main()
    except MissingExtraError as error:
        sys.exit(f"huberflow: {error}")


def worker() -> None:
    """Runs a Beam worker."""
    name_unknown_user()
    try:
        with missing_extra_named("huberflow-worker"):
            from huberflow.pipeline.beam import worker as beam_worker

            beam_worker.main()
    except MissingExtraError as error:
        sys.exit(f"huberflow-worker: {error}")


if __name__ == "__main__":
    main()
