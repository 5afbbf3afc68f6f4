"""Who made a model: the verb sign, and the options that say whom a user trusts."""

import functools
from dataclasses import dataclass
from pathlib import Path

import click

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.common import FAILED, Options, Verb, config_options, stop

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Trust:
    """Whose signature a model must have."""

    public_key: Path | None
    root_certificates: tuple[Path, ...]
    required: bool

    def signer(self, bundle: Path) -> str:
        """Who signed a bundle, in words; nothing is imported from it.

        Raises:
          InputError: a signature is required, and nothing to compare it with was given.
          ReloadError: somebody else signed it, or nobody, or it was changed since.
        """
        from huberflow.components.bundle import reload

        if self.public_key or self.root_certificates:
            from huberflow.components.bundle.signing import check_signature

            return check_signature(
                bundle, public_key=self.public_key, root_certificates=self.root_certificates
            )
        if self.required:
            raise InputError(
                "--require-signature",
                expected="the key or the root certificate that the model must be signed with",
                received="none",
                write="--public-key FILE",
            )
        return reload.origin.signer(bundle)


def trust_options(command: Verb) -> Verb:
    """Adds --public-key, --root-certificate and --require-signature to a verb, as ``trust``."""

    @click.option(
        "--public-key",
        type=_file,
        metavar="FILE",
        help="PEM file; refuse a model that was not signed with this key.",
    )
    @click.option(
        "--root-certificate",
        type=_file,
        multiple=True,
        metavar="FILE",
        help="PEM file; refuse a model that was not signed with a certificate below it; may be "
        "repeated.",
    )
    @click.option(
        "--require-signature",
        is_flag=True,
        help="Refuse to start without a key or certificate to compare a signature with.",
    )
    @functools.wraps(command)
    def with_trust(
        public_key: Path | None,
        root_certificate: tuple[Path, ...],
        require_signature: bool,
        **others: object,
    ) -> object:
        return command(trust=Trust(public_key, root_certificate, require_signature), **others)

    return with_trust


@click.command()
@click.argument("model", required=False)
@config_options
@click.option(
    "--private-key",
    type=_file,
    metavar="FILE",
    help="PEM file with a private key on P-256, P-384 or P-521.",
)
@click.option(
    "--certificate",
    type=_file,
    metavar="FILE",
    help="PEM file with the certificate of the key, for readers who trust a root, not a key.",
)
@click.option(
    "--certificate-chain",
    type=_file,
    multiple=True,
    metavar="FILE",
    help="PEM file with certificates between that one and the root; may be repeated.",
)
@click.option("--pkcs11-uri", metavar="URI", help="Address of a key in a token, without a PIN.")
@click.option(
    "--password-from",
    metavar="NAME",
    help="Environment variable with the key's password, or the token's PIN.",
)
def sign(
    model: str | None,
    options: Options,
    private_key: Path | None,
    certificate: Path | None,
    certificate_chain: tuple[Path, ...],
    pkcs11_uri: str | None,
    password_from: str | None,
) -> None:
    """Sign an exported model, so that others can tell who made it.

    The signature, model.sig in the model's folder, covers every file; `model_signing verify` of
    OpenSSF Model Signing reads it, too. Nothing goes online. MODEL is a folder, or a run (`latest`,
    its id or name); default: the newest pushed version.

    \b
      openssl ecparam -genkey -noout -name prime256v1 -out signing.pem
      openssl ec -in signing.pem -pubout -out signing.pub
      huberflow sign --private-key signing.pem
      huberflow verify --public-key signing.pub
    \b
    With a key in a token:
      huberflow sign bundle --password-from PIN --pkcs11-uri \\
        'pkcs11:token=models;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so'
    """  # noqa: D301 (click reads the \b)
    from huberflow.components.bundle import reload, signing, signing_keys
    from huberflow.components.contracts.signing import Signing
    from huberflow.pipeline.deploy.locate import locate_model

    if model and model.startswith(("models:/", "runs:/")):
        expected, hint = "a model on this machine", "a signature has to be there before its upload"
        raise InputError("MODEL", expected=expected, received=model, hint=hint)
    resolved = options.resolve()
    config, named = resolved.config, options.names_model
    with locate_model(model, config, resolved.workspace, named=named) as folder:
        try:
            keys = Signing(
                method="pkcs11" if pkcs11_uri else "certificate" if certificate else "key",
                private_key=str(private_key) if private_key else None,
                password_from=password_from,
                certificate=str(certificate) if certificate else None,
                certificate_chain=tuple(map(str, certificate_chain)),
                pkcs11_uri=pkcs11_uri,
            )
            signing.sign_with(folder, keys, signing_keys.password_of(keys))
        except InputError as error:
            raise error.with_key(f"--{error.key.replace('_', '-')}") from error
        except OSError as error:
            stop(f"not signed: {error}", FAILED)
        click.echo(f"signed: {folder / reload.layout.SIGNATURE}")
