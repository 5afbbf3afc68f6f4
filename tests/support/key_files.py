"""Keys and certificates that sign bundles or encrypt in tests; files as openssl writes them."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


@dataclass(frozen=True)
class KeyFiles:
    """The files of a key."""

    private: Path
    public: Path


def write_key(folder: Path, name: str, key=None, password: bytes | None = None) -> KeyFiles:
    """Writes a key, one on P-256 by default."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    how = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    files = KeyFiles(folder / f"{name}.pem", folder / f"{name}.pub")
    files.private.write_bytes(key.private_bytes(PEM, PKCS8, how))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    files.public.write_bytes(key.public_key().public_bytes(PEM, public))
    return files


@dataclass(frozen=True)
class Certified:
    """A key that an intermediate certificate vouches for, and that one a root."""

    key: KeyFiles
    certificate: Path
    chain: Path
    root: Path


def write_for_tls(folder: Path) -> dict[str, Path]:
    """Writes a certificate for this machine, and its key; they are settings of a server."""
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=localhost"
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *alternative], cwd=folder, check=True, capture_output=True)
    return {"tls_cert": folder / "cert", "tls_key": folder / "key"}


def write_certified(folder: Path, name: str) -> Certified:
    """Writes the key ``name``, its certificate, and those above it."""
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP384R1()) for _ in range(3))
    root = _certificate(f"{name} root", root_key, f"{name} root", root_key, authority=True)
    middle = _certificate(f"{name} middle", middle_key, f"{name} root", root_key, authority=True)
    own = _certificate(name, key, f"{name} middle", middle_key, authority=False)
    for role, each in (("root", root), ("chain", middle), ("certificate", own)):
        (folder / f"{name}-{role}.pem").write_bytes(each.public_bytes(PEM))
    paths = (folder / f"{name}-{role}.pem" for role in ("certificate", "chain", "root"))
    return Certified(write_key(folder, name, key), *paths)


def _certificate(name, key, issuer, issuer_key, *, authority) -> x509.Certificate:
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    usage = dict.fromkeys(
        [
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                key_cert_sign=authority,
                crl_sign=authority,
                **usage,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA384())
    )
