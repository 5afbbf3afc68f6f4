"""A certificate of files, and of nothing else."""

from collections.abc import Sequence
from pathlib import Path

from huberflow.components.bundle import reload


def sealed(folder: Path, files: Sequence[str]) -> Path:
    """Writes a certificate of these files into the folder, and returns the folder."""
    certificate: reload.Certificate = {
        "schema_version": reload.layout.SCHEMA_VERSION,
        "keras_generation": reload.layout.KERAS_GENERATION,
        "versions": {"python": "3.11", "tensorflow": "2.21.0", "tf_keras": "2.21.0"},
        "machine": {},
        "objects": [],
        "source": {"taken": [], "left": [], "requirements": []},
        "signatures": {},
        "training": {},
        "lineage": {},
        "proof": {
            "model": "none",
            "weights": "as trained",
            "signatures": {},
            "lacking": "",
            "statement": "Proves only that no file has changed since the export.",
        },
        "tolerances": {
            "chosen": "",
            "same_machine": 0,
            "float32": {},
            "tf32": {},
            "mixed_float16": {},
            "mixed_bfloat16": {},
        },
        "golden": {"rows": 0, "sha256": ""},
        "files": reload.integrity.digests(folder, files),
        "sha256": "",
    }
    (folder / reload.layout.CERTIFICATE).write_text(reload.integrity.seal(certificate))
    return folder
