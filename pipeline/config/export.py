"""Section ``export``: the model that is exported."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from huberflow.components.bundle.reload import graph_ops
from huberflow.components.contracts import signing
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.base import Strict, refuse_if


class Signing(Strict):
    """The key that signs the model, to prove who made it; it is read here, and never copied."""

    method: Literal["key", "certificate", "pkcs11"] | None = Field(
        None, description="key, certificate or pkcs11 (a key in a token); null: no signature."
    )
    private_key: Path | None = Field(
        None, description="PEM file with a private key on P-256, P-384 or P-521."
    )
    password_from: str | None = Field(
        None,
        description="Name of the environment variable with the key's password, or the token's PIN.",
    )
    certificate: Path | None = Field(None, description="PEM file with the certificate of the key.")
    certificate_chain: tuple[Path, ...] = Field(
        (), description="PEM files with the certificates between that one and the root."
    )
    pkcs11_uri: str | None = Field(
        None,
        description="Address of the key in a token, such as "
        "pkcs11:token=models;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so.",
    )

    @model_validator(mode="after")
    def _check_fields(self) -> "Signing":
        if self.method is not None:
            self.keys()
            return self
        for name, value in self.plain().items():
            write = "--set export.signing.method=key"
            refuse_if(value, name, "a method beside it", "none", write)
        return self

    def keys(self) -> signing.Signing:
        """The same, as ServingExport takes it; the method is not null."""
        return signing.Signing.of(self.plain())


class Export(Strict):
    """The exported model."""

    signing: Signing = Signing()
    allow_ops: tuple[str, ...] = Field(
        (),
        description="TensorFlow ops that the model may have although they do more than compute, "
        "such as PyFunc or PrintV2.",
    )

    @field_validator("allow_ops")
    @classmethod
    def _check_ops(cls, ops: tuple[str, ...]) -> tuple[str, ...]:
        for op in ops:
            if not graph_ops.does_more_than_compute(op):
                raise InputError(
                    "",
                    expected=graph_ops.ALLOWED,
                    received=repr(op),
                    hint="write the names as the message that refused the model has them",
                )
        return ops
