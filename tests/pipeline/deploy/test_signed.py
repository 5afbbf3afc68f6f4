"""Who made a model, at the command line: `huberflow sign`, and the verbs that require it."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import readme
from click.testing import CliRunner
from key_files import write_certified, write_key
from mlflow_servers import free_port
from served import announced, started

from huberflow.components.bundle.loader_copy import copy_loader
from huberflow.pipeline.cli.main import cli


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return write_key(tmp_path_factory.mktemp("keys"), "signing")


@pytest.fixture
def copy(bundle, tmp_path):
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


@pytest.fixture
def signed(copy, keys):
    done = huberflow("sign", copy, "--private-key", keys.private)
    assert (done.exit_code, done.stdout) == (0, f"signed: {copy}/model.sig\n"), done.output
    return copy


def huberflow(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def refusal(*arguments, code=1):
    """The one line on stderr."""
    done = huberflow(*arguments)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    (line,) = done.stderr.splitlines()
    return line.removeprefix("huberflow: ")


class TestVerify:
    def test_says_who_signed(self, signed, keys):
        done = huberflow("verify", signed, "--public-key", keys.public)
        assert done.exit_code == 0, done.output
        assert f"signed with the key of {keys.public}" in done.stdout.splitlines()

    def test_says_that_it_has_not_checked(self, signed):
        assert "signed, not checked: --public-key FILE" in huberflow("verify", signed).stdout

    def test_says_that_nobody_has_signed(self, copy):
        report = json.loads(huberflow("verify", copy, "--json").stdout)
        assert report["signature"] == "not signed"

    def test_of_a_certificate(self, copy, tmp_path):
        made = write_certified(tmp_path, "release team")
        key = ("--private-key", made.key.private, "--certificate", made.certificate)
        done = huberflow("sign", copy, *key, "--certificate-chain", made.chain)
        assert done.exit_code == 0, done.output
        done = huberflow("verify", copy, "--root-certificate", made.root)
        assert "signed with the certificate of CN=release team" in done.stdout.splitlines()

    def test_with_a_password_from_the_environment(self, copy, tmp_path, monkeypatch):
        key = write_key(tmp_path, "key", password=b"correct horse")
        asked = ("sign", copy, "--private-key", key.private, "--password-from", "SIGNING_PASSWORD")
        assert "SIGNING_PASSWORD, which is not set" in refusal(*asked, code=2)
        monkeypatch.setenv("SIGNING_PASSWORD", "correct horse")
        assert huberflow(*asked).exit_code == 0


@pytest.mark.parametrize("verb", ["verify", "predict", "serve"])
class TestRefused:
    @pytest.fixture
    def asked(self, verb, tmp_path):
        files = {"predict": ["--data", tmp_path / "a.csv", "--output", tmp_path / "b.csv"]}
        return lambda model, *options: (verb, model, *files.get(verb, []), *options)

    def test_nobody_signed(self, asked, copy, keys):
        line = refusal(*asked(copy, "--public-key", keys.public))
        assert line.startswith("refused: not signed: ")

    def test_somebody_else_signed(self, asked, signed, tmp_path):
        other = write_key(tmp_path, "other")
        line = refusal(*asked(signed, "--require-signature", "--public-key", other.public))
        assert line == f"refused: model.sig: not signed with the key of {other.public}"

    def test_a_file_was_changed(self, asked, signed, keys):
        with (signed / "saved_model.pb").open("ab") as file:
            file.write(b"x")
        line = refusal(*asked(signed, "--public-key", keys.public))
        assert line.startswith("refused: saved_model.pb: changed")

    def test_a_required_signature_has_nothing_to_compare_it_with(self, asked, signed):
        line = refusal(*asked(signed, "--require-signature"), code=2)
        assert line.startswith("--require-signature: ")
        assert line.endswith("write: --public-key FILE")


def section(heading: str) -> str:
    return re.search(rf"^## {heading}\n(.*?)^## ", readme.SIGNING.read_text(), re.M | re.S)[1]


def test_the_guide_signs_checks_and_serves_as_it_says(bundle, tmp_path):
    """Each line of the section of docs/signing.md, in a folder with a pushed model."""
    shutil.copytree(bundle, tmp_path / "workspace/serving/taxi/1")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    copy_loader(tmp_path)
    (code,) = re.findall(r"```sh\n(.*?)```", section("Who made it"), re.S)
    for line in code.replace("\\\n", " ").splitlines():
        if " serve " in line:
            *_, options = line.partition("workspace/serving/taxi/1")
            served(tmp_path, options.split())
            continue
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)  # noqa: S602
        assert done.returncode == 0, (line, done.stderr)


def served(folder: Path, options: list[str]) -> None:
    """Serves the model of the guide, with files by their absolute paths, until it is ready."""
    paths = [str(folder / each) if each.endswith(".pub") else each for each in options]
    model, log = folder / "workspace/serving/taxi/1", folder / "log"
    with started(model, free_port(), log, *paths) as process:
        announced(process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
