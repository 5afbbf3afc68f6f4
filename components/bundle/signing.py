"""Signs bundles, and says who signed one, in the format of OpenSSF Model Signing.

``model.sig`` covers every file of a bundle, its certificate included; ``model_signing verify``
checks it, too. All of this is offline: Sigstore's own method, whose servers vouch for a login, is
not offered.
"""

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from huberflow.components.bundle import reload, signing_keys
from huberflow.components.bundle.scratch import scratch_folder
from huberflow.components.contracts.signing import Signing
from huberflow.custom_objects.input_error import InputError
from huberflow.installation.extras import missing_extra_named

PathLike = str | os.PathLike[str]


def sign(
    path: PathLike,
    method: str = "key",
    *,
    private_key: PathLike | None = None,
    password: str | None = None,
    certificate: PathLike | None = None,
    certificate_chain: Sequence[PathLike] = (),
    pkcs11_uri: str | None = None,
) -> None:
    """Signs a bundle: who has the public key can tell that it is yours, and unchanged.

    The signature is the file ``model.sig`` in the bundle; it replaces an earlier one. The private
    key is read, and never copied.

    Args:
      path: the SavedModel's folder.
      method: ``key``; ``certificate``, for readers who trust a root, not a key; or ``pkcs11``, for
        a key that a token keeps.
      private_key: a PEM file; a key on P-256, P-384 or P-521.
      password: of the key, or the PIN of the token.
      certificate: a PEM file: the key's certificate.
      certificate_chain: PEM files: the certificates between it and the root.
      pkcs11_uri: the address of a key in a token, such as
        ``pkcs11:token=models;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so``.

    Raises:
      InputError: the key cannot be used.
      ReloadError: it is no bundle, or a file of it was changed since the export.

    Example::

        >>> import subprocess, tempfile
        >>> import huberflow
        >>> import numpy as np
        >>> import tf_keras
        >>> x = tf_keras.Input((2,), name="x")
        >>> model = tf_keras.Model(x, tf_keras.layers.Dense(1, name="y")(x))
        >>> path = tempfile.mkdtemp()
        >>> certificate = huberflow.save_bundle(model, path, np.float32([[1, 2]]), check=False)
        >>> key = tempfile.mkdtemp() + "/key"
        >>> make = f"openssl ecparam -genkey -noout -name prime256v1 -out {key}.pem"
        >>> done = subprocess.run(make.split(), check=True)
        >>> publish = f"openssl ec -in {key}.pem -pubout -out {key}.pub"
        >>> done = subprocess.run(publish.split(), check=True, stderr=subprocess.DEVNULL)
        >>> huberflow.sign(path, private_key=f"{key}.pem")
        >>> told = huberflow.check_signature(path, public_key=f"{key}.pub")
        >>> told == f"signed with the key of {key}.pub"
        True
    """
    keys = Signing(
        method=method,
        private_key=str(private_key) if private_key else None,
        certificate=str(certificate) if certificate else None,
        certificate_chain=tuple(map(str, certificate_chain)),
        pkcs11_uri=pkcs11_uri,
    )
    sign_with(path, keys, password)


def sign_with(path: PathLike, keys: Signing, password: str | None) -> None:
    """As ``sign``, with the keys as a config names them."""
    root, sign = Path(path).resolve(), signing_keys.signer(keys, password)
    certificate = reload.verify(root)
    with scratch_folder(root) as folder:
        sign(root, folder / reload.layout.SIGNATURE)
        os.replace(folder / reload.layout.SIGNATURE, root / reload.layout.SIGNATURE)
    reload.origin.compare_signed(root, certificate)  # no file was changed meanwhile


def check_signature(
    path: PathLike,
    *,
    public_key: PathLike | None = None,
    root_certificates: Sequence[PathLike] = (),
) -> str:
    """Compares a bundle's signature with what you trust, and its files with the signature.

    It runs no code of the bundle, so do this first.

    Args:
      path: the SavedModel's folder.
      public_key: a PEM file: the key of who should have signed the bundle.
      root_certificates: PEM files, in place of a key: a certificate that one of them vouches for
        should have signed it, and may have expired since.

    Returns:
      Who signed it, in words.

    Raises:
      InputError: a key or root certificates were not given, or both were.
      ReloadError: the bundle is not signed, or by somebody else, or was changed since.

    Example::

        >>> import huberflow
        >>> huberflow.check_signature("bundle")
        Traceback (most recent call last):
        huberflow.custom_objects.input_error.InputError: public_key: expected a public key or root \
certificates to compare with, received none
    """
    if (public_key is None) == (not root_certificates):
        expected = "a public key or root certificates to compare with"
        received = "both" if root_certificates else "none"
        raise InputError("public_key", expected=expected, received=received)
    if public_key is not None:
        return reload.origin.signer(path, public_key)
    return _check_certificate(Path(path), [*map(Path, root_certificates)])


def _check_certificate(root: Path, trusted: list[Path]) -> str:
    reload.origin.compare_signed(root, reload.verify(root))
    with missing_extra_named("huberflow.check_signature", "signing"):
        from model_signing.verifying import Config  # 3 s, which a public key does without
    for file in trusted:
        signing_keys.certificates("root_certificates", file)
    chain = json.loads((root / reload.layout.SIGNATURE).read_bytes()).get(
        "verificationMaterial", {}
    )
    if "x509CertificateChain" not in chain:
        wrong = "signed with a key, not with a certificate: --public-key FILE"
        raise reload.ReloadError(f"{reload.layout.SIGNATURE}: {wrong}")
    try:
        verifier = Config().use_certificate_verifier(certificate_chain=trusted)
        verifier.verify(root, root / reload.layout.SIGNATURE)
        first = chain["x509CertificateChain"]["certificates"][0]["rawBytes"]
        owner = x509.load_der_x509_certificate(base64.b64decode(first)).subject
    except Exception as error:  # of OpenSSL, cryptography or pydantic
        wrong = f"not signed with a certificate of {', '.join(map(str, trusted))}"
        raise reload.ReloadError(f"{reload.layout.SIGNATURE}: {wrong}: {error}") from error
    return f"signed with the certificate of {owner.rfc4514_string()}"
