"""What an exported model is signed with: which key, and where it is; no secret."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON, JsonRecord


@dataclass(frozen=True, kw_only=True)
class Signing(JsonRecord):
    """A key by its place, as ``export.signing`` and ServingExport's ``signing`` name it.

    Raises:
      InputError: the method is none of the three, or has too few or too many of the fields.
    """

    method: str = "key"
    """``key``, ``certificate`` or ``pkcs11``."""
    private_key: str | None = None
    """A PEM file."""
    password_from: str | None = None
    """The environment variable that has the key's password, or the token's PIN."""
    certificate: str | None = None
    """A PEM file: the certificate of the key."""
    certificate_chain: tuple[str, ...] = ()
    """PEM files: the certificates between that one and the root that readers trust."""
    pkcs11_uri: str | None = None
    """The address of a key in a token, without a PIN."""

    @classmethod
    def of(cls, written: Mapping[str, JSON]) -> Self:
        """The keys that a user names, with absolute paths.

        Raises:
          InputError: see the class; or a field is unknown.
        """
        names = [each.name for each in fields(cls)]
        for name in written:
            if name not in names:
                expected = f"one of {', '.join(names)}"
                raise InputError(name, expected=expected, received=repr(name))
        found = {name: value for name, value in written.items() if value is not None}
        for name in ("private_key", "certificate"):
            if name in found:
                found[name] = _absolute(found[name])
        chain = found.get("certificate_chain", ())
        if isinstance(chain, str) or not isinstance(chain, Sequence):
            raise InputError("certificate_chain", expected="a list of files", received=repr(chain))
        found["certificate_chain"] = [*map(_absolute, chain)]
        return cls.from_json(found)

    def __post_init__(self) -> None:
        if self.method not in _FIELDS:
            expected = f"one of {', '.join(_FIELDS)}"
            raise InputError("method", expected=expected, received=repr(self.method))
        needed, optional = _FIELDS[self.method]
        for name in needed:
            if not getattr(self, name):
                expected = f"{_TITLES[name]}, for the method {self.method}"
                raise InputError(name, expected=expected, received="none")
        for each in fields(self):
            if each.name not in ("method", *needed, *optional) and getattr(self, each.name):
                expected = f"none, for the method {self.method}"
                raise InputError(each.name, expected=expected, received="one")
        if "pin-value" in (self.pkcs11_uri or ""):
            hint = "name an environment variable in password_from, for configs are recorded"
            raise InputError("pkcs11_uri", expected="no PIN", received="one", hint=hint)


def _absolute(file: JSON) -> str:
    return str(Path(str(file)).expanduser().absolute())


_FIELDS = {
    "key": (("private_key",), ("password_from",)),
    "certificate": (("private_key", "certificate"), ("certificate_chain",)),
    # With a certificate, model-signing 1.1.1 fails; a later release has the repair.
    "pkcs11": (("pkcs11_uri",), ("password_from",)),
}
"""The fields that each method needs, and those that it may have."""

_TITLES = {
    "private_key": "the PEM file of a private key",
    "certificate": "the PEM file of the key's certificate",
    "pkcs11_uri": "the address of a key in a token",
}
