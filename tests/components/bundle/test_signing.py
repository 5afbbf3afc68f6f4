"""Who made a bundle: signed here and checked by others, and the other way round."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from key_files import write_certified, write_key
from small_bundles import rewritten

import huberflow
from huberflow.components.bundle import reload
from huberflow.components.bundle.loader_copy import copy_loader
from huberflow.components.bundle.reload import ReloadError
from huberflow.components.contracts.signing import Signing
from huberflow.custom_objects.input_error import InputError

MODULES = [
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
]
SOFTHSM = next((path for path in MODULES if path.exists()), None)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_key(tmp_path_factory.mktemp("keys"), "signing")


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return write_certified(tmp_path_factory.mktemp("certified"), "release team")


@pytest.fixture
def copy(bundle, tmp_path):
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture
def signed(copy, keys):
    huberflow.sign(copy, private_key=keys.private)
    return copy


def theirs(*arguments):
    """The command ``model_signing``; it must not fail."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def script(path, *arguments, python=(sys.executable,)):
    """A trusted ``reload.py``, elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        copy_loader(Path(folder))
        command = [*python, f"{folder}/reload.py", str(path), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)


class TestOfAKey:
    @pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
    def test_is_accepted(self, curve, copy, tmp_path):
        key = write_key(tmp_path, "key", ec.generate_private_key(curve()))
        huberflow.sign(copy, private_key=key.private)
        told = huberflow.check_signature(copy, public_key=key.public)
        assert told == f"signed with the key of {key.public}"

    def test_of_a_bundle_behind_a_link(self, copy, keys, tmp_path):
        (tmp_path / "current").symlink_to(copy)
        huberflow.sign(tmp_path / "current", private_key=keys.private)
        huberflow.check_signature(copy, public_key=keys.public)

    @pytest.mark.parametrize("name", [reload.layout.SIGNATURE, reload.layout.CERTIFICATE])
    def test_a_file_of_endless_lists_is_refused_in_words(self, name, signed, keys):
        (signed / name).write_text("[" * 100_000)
        with pytest.raises(ReloadError, match=name):
            huberflow.check_signature(signed, public_key=keys.public)

    def test_covers_every_file_and_holds_no_key(self, signed, keys):
        *_, files = reload.origin._signed(signed)
        assert files.keys() == {*reload.verify(signed)["files"], reload.layout.CERTIFICATE}
        secret = keys.private.read_text().splitlines()[1].encode()
        assert not any(secret in path.read_bytes() for path in signed.rglob("*") if path.is_file())

    def test_a_signed_bundle_is_checked_as_before(self, signed):
        report = huberflow.check(signed)
        assert report["ok"]
        assert report["signature"] == "signed, not checked: --public-key FILE"

    def test_of_another_key_is_refused(self, signed, tmp_path):
        other = write_key(tmp_path, "other")
        with pytest.raises(ReloadError, match=f"not signed with the key of {other.public}"):
            huberflow.check_signature(signed, public_key=other.public)

    def test_of_no_key_is_refused(self, copy, keys):
        with pytest.raises(ReloadError, match=r"not signed: expected .*/model\.sig"):
            huberflow.check_signature(copy, public_key=keys.public)
        assert reload.origin.signer(copy) == "not signed"

    def test_a_changed_file_is_refused(self, signed, keys):
        with (signed / "saved_model.pb").open("ab") as file:
            file.write(b"x")
        with pytest.raises(ReloadError, match=r"saved_model\.pb: changed after the export"):
            huberflow.check_signature(signed, public_key=keys.public)

    def test_a_file_that_was_changed_and_sealed_again_is_refused(self, signed, keys):
        """The certificate alone proves integrity, not origin: anyone can write one."""
        with (signed / reload.layout.LOADER).open("a") as file:
            file.write("# and more\n")
        rewritten(signed)
        assert huberflow.check(signed)["ok"]
        with pytest.raises(ReloadError) as refusal:
            huberflow.check_signature(signed, public_key=keys.public)
        assert set(str(refusal.value).partition(": ")[0].split(", ")) == {
            reload.layout.LOADER,
            reload.layout.CERTIFICATE,
        }
        assert "changed after the bundle was signed" in str(refusal.value)

    def test_the_signature_of_another_bundle_is_refused(self, signed, keys, tmp_path):
        model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
        other, rows = tmp_path / "other", np.ones((2, 3), np.float32)
        model.predict(rows, verbose=0)
        huberflow.save_bundle(model, other, rows, check=False)
        shutil.copy(signed / reload.layout.SIGNATURE, other)
        with pytest.raises(ReloadError, match="the signature of another bundle"):
            huberflow.check_signature(other, public_key=keys.public)

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"dsseEnvelope": {"payload": 1}}'])
    def test_another_file_in_its_place_is_refused(self, signed, keys, text):
        (signed / reload.layout.SIGNATURE).write_text(text)
        with pytest.raises(ReloadError, match="expected a signature of OpenSSF Model Signing"):
            huberflow.check_signature(signed, public_key=keys.public)

    def test_a_changed_statement_is_refused(self, signed, keys):
        found = json.loads((signed / reload.layout.SIGNATURE).read_text())
        payload = found["dsseEnvelope"]["payload"]
        found["dsseEnvelope"]["payload"] = payload[:-8] + "AAAA" + payload[-4:]
        (signed / reload.layout.SIGNATURE).write_text(json.dumps(found))
        with pytest.raises(ReloadError, match=r"model\.sig: "):
            huberflow.check_signature(signed, public_key=keys.public)

    def test_a_changed_bundle_is_not_signed(self, copy, keys):
        (copy / "more.txt").touch()
        with pytest.raises(ReloadError, match=r"more\.txt: not part of the bundle"):
            huberflow.sign(copy, private_key=keys.private)
        assert not (copy / reload.layout.SIGNATURE).exists()

    def test_replaces_an_earlier_one(self, signed, tmp_path):
        other = write_key(tmp_path, "other")
        huberflow.sign(signed, private_key=other.private)
        huberflow.check_signature(signed, public_key=other.public)

    def test_a_bundle_that_is_bundled_again_is_not_signed(self, signed, tmp_path):
        from huberflow.components.bundle import bundle

        bundle.assemble(signed, None, tmp_path / "again", {})
        assert reload.origin.signer(tmp_path / "again") == "not signed"


class TestTheirs:
    def test_reads_ours_also_once_its_loader_was_imported(self, signed, keys):
        extra, writing = signed / reload.layout.EXTRA, {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        subprocess.run([sys.executable, "-c", "import reload"], cwd=extra, env=writing, check=True)
        huberflow.check_signature(signed, public_key=keys.public)
        where = ("--signature", signed / reload.layout.SIGNATURE)
        theirs("verify", "key", signed, *where, "--public_key", keys.public)

    def test_is_read_by_ours(self, copy, keys):
        where = ("--signature", copy / reload.layout.SIGNATURE)
        theirs("sign", "key", copy, *where, "--private_key", keys.private)
        huberflow.check_signature(copy, public_key=keys.public)
        assert script(copy, "--public-key", keys.public).returncode == 0

    def test_with_a_certificate_both_ways(self, copy, certified):
        key, own = certified.key, ("--signing_certificate", certified.certificate)
        where = ("--signature", copy / reload.layout.SIGNATURE)
        chain = ("--certificate_chain", certified.chain)
        theirs("sign", "certificate", copy, *where, "--private_key", key.private, *own, *chain)
        huberflow.check_signature(copy, root_certificates=[certified.root])
        huberflow.sign(
            copy,
            "certificate",
            private_key=key.private,
            certificate=certified.certificate,
            certificate_chain=[certified.chain],
        )
        theirs("verify", "certificate", copy, *where, "--certificate_chain", certified.root)


class TestOfACertificate:
    @pytest.fixture
    def signed(self, copy, certified):
        huberflow.sign(
            copy,
            "certificate",
            private_key=certified.key.private,
            certificate=certified.certificate,
            certificate_chain=[certified.chain],
        )
        return copy

    def test_names_its_owner(self, signed, certified):
        told = huberflow.check_signature(signed, root_certificates=[certified.root])
        assert told == "signed with the certificate of CN=release team"

    def test_with_none_between_it_and_the_root(self, copy, certified):
        own = {"private_key": certified.key.private, "certificate": certified.certificate}
        huberflow.sign(copy, "certificate", **own)
        huberflow.check_signature(copy, root_certificates=[certified.chain, certified.root])

    def test_is_accepted_by_its_public_key_too(self, signed, certified):
        huberflow.check_signature(signed, public_key=certified.key.public)

    def test_of_another_root_is_refused(self, signed, tmp_path):
        other = write_certified(tmp_path, "release team")
        with pytest.raises(ReloadError, match="not signed with a certificate of"):
            huberflow.check_signature(signed, root_certificates=[other.root])

    def test_a_bundle_that_was_sealed_again_is_refused(self, signed, certified):
        rewritten(signed, lineage={"commit": "of somebody else"})
        with pytest.raises(ReloadError, match="changed after the bundle was signed"):
            huberflow.check_signature(signed, root_certificates=[certified.root])

    def test_of_a_key_is_refused(self, copy, keys, certified):
        huberflow.sign(copy, private_key=keys.private)
        with pytest.raises(ReloadError, match="signed with a key, not with a certificate"):
            huberflow.check_signature(copy, root_certificates=[certified.root])

    def test_of_another_key_is_not_made(self, copy, keys, certified):
        with pytest.raises(InputError, match="the certificate of the private key"):
            huberflow.sign(
                copy,
                "certificate",
                private_key=keys.private,
                certificate=certified.certificate,
            )


class TestKeysThatCannotSign:
    """Each is refused before anything is written."""

    @pytest.fixture
    def refused(self, copy):
        def refused(**arguments) -> InputError:
            with pytest.raises(InputError) as refusal:
                huberflow.sign(copy, **arguments)
            assert not (copy / reload.layout.SIGNATURE).exists()
            return refusal.value

        return refused

    @pytest.mark.parametrize(
        "key",
        [
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256K1()),
        ],
        ids=["RSA", "Ed25519", "secp256k1"],
    )
    def test_on_another_curve(self, key, refused, tmp_path):
        error = refused(private_key=write_key(tmp_path, "key", key).private)
        assert error.key == "private_key"
        assert "P-256, P-384, P-521" in error.expected
        assert error.write.startswith("openssl ")

    def test_that_are_not_there(self, refused, tmp_path):
        error = refused(private_key=tmp_path / "none.pem")
        assert "none.pem (No such file or directory)" in error.received

    def test_that_are_public(self, refused, keys):
        assert str(keys.public) in refused(private_key=keys.public).received

    def test_with_a_password(self, refused, tmp_path, copy):
        key = write_key(tmp_path, "key", password=b"correct horse")
        assert refused(private_key=key.private).key == "password"
        error = refused(private_key=key.private, password="battery staple")
        assert "another password" in error.received
        assert "battery" not in str(error)
        huberflow.sign(copy, private_key=key.private, password="correct horse")
        huberflow.check_signature(copy, public_key=key.public)

    def test_with_a_password_too_many(self, refused, keys):
        error = refused(private_key=keys.private, password="none")
        assert (error.key, error.received) == ("password", "one for a key without")

    def test_beside_arguments_of_another_method(self, refused, keys):
        assert refused(method="pkcs11", private_key=keys.private).key == "pkcs11_uri"
        assert refused(private_key=keys.private, certificate="own.pem").key == "certificate"
        token = {"method": "pkcs11", "pkcs11_uri": "pkcs11:token=a;object=b"}
        assert refused(**token, certificate="own.pem").key == "certificate"
        assert refused(method="sigstore").key == "method"

    def test_with_a_pin_where_it_would_be_recorded(self):
        with pytest.raises(InputError, match="expected no PIN") as refusal:
            Signing(method="pkcs11", pkcs11_uri="pkcs11:token=a;object=b?pin-value=1234")
        assert "1234" not in str(refusal.value)


class TestReloadAlone:
    def test_checks_a_key(self, signed, keys):
        done = script(signed, "--public-key", keys.public)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith(f"exported; signed with the key of {keys.public}\n")

    def test_says_that_it_has_not_checked(self, signed):
        assert script(signed).stdout.endswith("; signed, not checked: --public-key FILE\n")

    def test_refuses_before_it_runs_code_of_the_bundle(self, signed, tmp_path):
        other = write_key(tmp_path, "other")
        done = script(signed, "--check", "--public-key", other.public)
        assert done.returncode == 1
        assert done.stdout == f"refused: model.sig: not signed with the key of {other.public}\n"

    def test_names_what_it_needs(self, signed, keys):
        alone = (sys.executable, "-I", "-S")
        done = script(signed, "--public-key", keys.public, python=alone)
        assert done.returncode == 1
        assert done.stdout.rstrip().endswith("is not installed: pip install cryptography")

    @pytest.mark.parametrize("key", ["private", "none"])
    def test_refuses_another_file_as_the_key(self, signed, keys, key):
        file = keys.private if key == "private" else signed / "none.pub"
        done = script(signed, "--public-key", file)
        assert done.returncode == 1
        assert f"refused: {file}: expected a PEM file with a public key" in done.stdout


@pytest.mark.skipif(
    SOFTHSM is None or shutil.which("softhsm2-util") is None,
    reason="needs a token in software; write: apt-get install softhsm2",
)
class TestOfAToken:
    @pytest.fixture
    def token(self, keys, tmp_path, monkeypatch):
        """The address of the key in a token; its PIN is 1234."""
        (tmp_path / "tokens").mkdir()
        config = tmp_path / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {tmp_path}/tokens\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(config))
        pins = ["--pin", "1234", "--so-pin", "5678"]
        self.util("--init-token", "--free", "--label", "models", *pins)
        imported = ["--import", str(keys.private), "--token", "models", "--label", "release"]
        self.util(*imported, "--id", "A1", "--pin", "1234")
        return f"pkcs11:token=models;object=release?module-path={SOFTHSM}"

    def util(self, *arguments):
        done = subprocess.run(["softhsm2-util", *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_is_accepted_by_its_public_key(self, copy, token, keys):
        huberflow.sign(copy, "pkcs11", pkcs11_uri=token, password="1234")
        huberflow.check_signature(copy, public_key=keys.public)

    def test_with_another_pin_is_refused(self, copy, token):
        with pytest.raises(InputError) as refusal:
            huberflow.sign(copy, "pkcs11", pkcs11_uri=token, password="98765")
        assert refusal.value.key == "pkcs11_uri"
        assert "CKR_PIN_INCORRECT" in refusal.value.received
        assert "98765" not in str(refusal.value)

    def test_without_such_a_key_is_refused(self, copy, token):
        uri = token.replace("release", "nothing")
        with pytest.raises(InputError, match="nothing") as refusal:
            huberflow.sign(copy, "pkcs11", pkcs11_uri=uri, password="1234")
        assert "1234" not in str(refusal.value)
