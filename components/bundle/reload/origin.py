"""The signature of a bundle: who made it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ReloadError
from .integrity import digest, verify
from .layout import CERTIFICATE, SIGNATURE, Certificate


def check_signature(path: str | os.PathLike[str], public_key: str | os.PathLike[str]) -> None:
    """Compares ``model.sig`` with a public key, and every file of the bundle with ``model.sig``.

    It is in the format of OpenSSF Model Signing: the SHA-256 of each file, signed by ECDSA.

    Args:
      path: the SavedModel's folder.
      public_key: a PEM file; a key on P-256, P-384 or P-521.

    Raises:
      ReloadError: see ``verify``; the bundle is not signed, or not with this key, or it was changed
        since; or cryptography is not installed.
    """
    certificate = verify(path)
    message, signature, _ = _signed(Path(path))
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        missing = "cryptography, which checks signatures, is not installed"
        raise ReloadError(f"{missing}: pip install cryptography") from error
    hash_of: Mapping[str, Any] = {
        "secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384, "secp521r1": hashes.SHA512
    }  # fmt: skip
    try:
        key: Any = serialization.load_pem_public_key(Path(public_key).read_bytes())
        algorithm = ec.ECDSA(hash_of[key.curve.name]())
    except (OSError, ValueError, UnsupportedAlgorithm, AttributeError, KeyError) as error:
        expected = "expected a PEM file with a public key on P-256, P-384 or P-521"
        raise ReloadError(f"{public_key}: {expected}, received another file") from error
    try:
        key.verify(signature, message, algorithm)
    except InvalidSignature as error:
        raise ReloadError(f"{SIGNATURE}: not signed with the key of {public_key}") from error
    compare_signed(Path(path), certificate)


def compare_signed(root: Path, certificate: Certificate) -> None:
    """Raises a ``ReloadError`` unless ``model.sig`` is of the files that ``verify`` has checked."""
    *_, signed = _signed(root)
    present = {**certificate["files"], CERTIFICATE: digest(root / CERTIFICATE)}
    differing = [name for name in signed | present if signed.get(name) != present.get(name)]
    if {"saved_model.pb", "variables/variables.index"} <= {*differing}:
        raise ReloadError(f"{SIGNATURE}: the signature of another bundle")
    if differing:
        raise ReloadError(f"{', '.join(differing)}: changed after the bundle was signed")


def _signed(root: Path) -> tuple[bytes, bytes, dict[str, str]]:
    """What was signed, the signature, and the digests of the files in it; nothing is checked."""
    try:
        bundle = json.loads((root / SIGNATURE).read_bytes())
        envelope, kind = bundle["dsseEnvelope"], "application/vnd.in-toto+json"
        payload = base64.b64decode(envelope["payload"])
        message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        files = json.loads(payload)["predicate"]["resources"]
        return message, signature, {each["name"]: each["digest"] for each in files}
    except FileNotFoundError as error:
        expected = f"expected {root / SIGNATURE}, which huberflow sign writes"
        raise ReloadError(f"not signed: {expected}, received none") from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        expected = "expected a signature of OpenSSF Model Signing"
        raise ReloadError(f"{SIGNATURE}: {expected}, received another file") from error


def signer(path: str | os.PathLike[str], public_key: str | os.PathLike[str] | None = None) -> str:
    """Who signed the bundle, in words: checked where there is a key."""
    if public_key is not None:
        check_signature(path, public_key)
        return f"signed with the key of {public_key}"
    is_signed = Path(path, SIGNATURE).exists()
    return "signed, not checked: --public-key FILE" if is_signed else "not signed"
