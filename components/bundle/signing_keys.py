"""Reads the keys that sign bundles, and refuses, before any work is done, those that cannot."""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from huberflow.components.bundle import reload, token_process
from huberflow.components.contracts.signing import Signing
from huberflow.custom_objects.input_error import InputError
from huberflow.installation.extras import missing_extra_named

if TYPE_CHECKING:  # it takes a second
    from model_signing.signing import Config

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_IGNORED = [reload.layout.SIGNATURE]
_NEW_KEY = "openssl ecparam -genkey -noout -name prime256v1 -out signing.pem"


Signer = Callable[[Path, Path], None]
"""Writes the signature of a folder into a file."""


def signer(keys: Signing, password: str | None) -> Signer:
    """Signs with keys that have been read; one in a token is asked when it signs.

    Raises:
      InputError: a key or a certificate cannot be used; the field of ``Signing`` is its key.
    """
    if keys.pkcs11_uri is not None:
        return partial(_ask_token, keys, password)
    path = Path(str(keys.private_key))
    key = _private_key(path, password)
    with missing_extra_named("huberflow.sign", "signing"):
        from model_signing.signing import Config
    if keys.certificate is not None:
        return partial(_write, _with_certificate(Config(), keys, key, password))
    # The library calls it text, and gives it to cryptography, which takes bytes.
    secret: Any = password and password.encode()
    return partial(_write, Config().use_elliptic_key_signer(private_key=path, password=secret))


def check(keys: Signing) -> str:
    """Reads all that signing needs, password included, and signs nothing.

    Returns:
      The SHA-256 of the public key; of a key in a token, its address.

    Raises:
      InputError: see ``signer`` and ``password_of``.
    """
    password = password_of(keys)
    signer(keys, password)
    if keys.private_key is None:
        _ask_token(keys, password)
        return str(keys.pkcs11_uri)
    public = _private_key(Path(keys.private_key), password).public_key()
    return hashlib.sha256(
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).hexdigest()


def password_of(keys: Signing) -> str | None:
    """The password in the environment; None where the keys name no variable.

    Raises:
      InputError: the variable is not set.
    """
    name = keys.password_from
    if name is None:
        return None
    if name not in os.environ:
        expected = "an environment variable with the password"
        raise InputError(
            "password_from",
            expected=expected,
            received=f"{name}, which is not set",
            write=f"read -rs {name}; export {name}",
        )
    return os.environ[name]


def certificates(key: str, file: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file.

    Raises:
      InputError: there are none.
    """
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not one"
        expected = "a PEM file of a certificate"
        raise InputError(key, expected=expected, received=f"{file} ({reason})") from error


def _private_key(file: Path, password: str | None) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(
            file.read_bytes(), password.encode() if password else None
        )
    except OSError as error:
        raise _no_key(f"{file} ({error.strerror})") from error
    except TypeError as error:  # a password too few or too many
        received = "one for a key without" if password else "none for a key that has one"
        raise InputError(
            "password", expected=f"the password of {file}", received=received
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        wrong = "another file, or another password" if password else "another file"
        raise _no_key(f"{file} ({wrong})") from error
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else "no curve"
    if not isinstance(key, ec.EllipticCurvePrivateKey) or curve not in _CURVES:
        raise _no_key(f"{file}, a key on {curve}")
    return key


def _no_key(received: str) -> InputError:
    expected = f"a PEM file with a private key on {', '.join(_CURVES.values())}"
    return InputError("private_key", expected=expected, received=received, write=_NEW_KEY)


def _with_certificate(
    config: "Config", keys: Signing, key: ec.EllipticCurvePrivateKey, password: str | None
) -> "Config":
    if password is not None:
        expected, hint = "none beside a certificate", "model_signing reads no password there"
        raise InputError("password", expected=expected, received="one", hint=hint)
    certificate, chain = Path(str(keys.certificate)), [*map(Path, keys.certificate_chain)]
    for file in chain:
        certificates("certificate_chain", file)
    if certificates("certificate", certificate)[0].public_key() != key.public_key():
        expected = "the certificate of the private key"
        raise InputError("certificate", expected=expected, received=f"{certificate}, of another")
    return config.use_certificate_signer(
        private_key=Path(str(keys.private_key)),
        signing_certificate=certificate,
        certificate_chain=chain or [certificate],  # the library cannot read an empty chain
    )


def _write(config: "Config", folder: Path, signature: Path) -> None:
    from model_signing import hashing

    files = hashing.Config().set_ignored_paths(paths=_IGNORED, ignore_git_paths=False)
    config.set_hashing_config(files).sign(folder, signature)


def _ask_token(
    keys: Signing, pin: str | None, folder: Path | None = None, signature: Path | None = None
) -> None:
    """Signs a folder; without one, logs in and looks for the key."""
    uri = str(keys.pkcs11_uri)
    given = "" if pin is None else f"{'&' if '?' in uri else '?'}pin-value={quote(pin, safe='')}"
    request = {
        "uri": f"{uri}{given}",
        "folder": folder and str(folder),
        "ignored": _IGNORED,
        "signature": signature and str(signature),
    }
    try:
        token_process.run(request)
    except token_process.TokenError as error:
        raise InputError(
            "pkcs11_uri",
            expected="the address of a key on P-256, P-384 or P-521 in a token",
            received=f"{uri} ({error})",
            write="pkcs11:token=TOKEN;object=KEY?module-path=/usr/lib/softhsm/libsofthsm2.so",
        ) from error
