"""What is wrong except the data: one line with the remedy, exit code 2, and nothing written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import rsa
from key_files import write_key
from user_object_sources import loss

from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.execution import run as runs
from huberflow.pipeline.execution.sweep import run_trial
from huberflow.pipeline.execution.trial import Sweep, TrialJob
from huberflow.pipeline.history import workspace
from huberflow.pipeline.history.workspace import VERSION, Workspace
from huberflow.pipeline.resolve.resolved_run import resolve, resolve_config


def messages(*arguments: str, code: int = 2) -> list[str]:
    """The lines on stderr before the command ends with this code."""
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.stdout) == (code, ""), (done.stdout, done.exception)
    lines = done.stderr.splitlines()
    assert all(line.startswith("huberflow: ") for line in lines)
    return [line.removeprefix("huberflow: ") for line in lines]


def assert_refused(*arguments: str, key: str, parts: tuple[str, ...], code: int = 2) -> None:
    """The command ends with one line, with this key and these parts of the message."""
    (line,) = messages(*arguments, code=code)
    assert line.startswith(f"{key}: ")
    for part in parts:
        assert part in line


SETTINGS = {
    # --set, key, parts of the message
    "a key that nothing has": (
        "training.epoch=5",
        "training.epoch",
        ("'epoch'", "did you mean training.epochs?"),
    ),
    "a section that nothing has": (
        "trainning.epochs=5",
        "trainning",
        ("'trainning'", "did you mean training?"),
    ),
    "a threshold of 0": (
        "training.loss.config.threshold=0",
        "training.loss.config.threshold",
        ("a finite number > 0", "received 0", "--set training.loss.config.threshold=1.0"),
    ),
    "a loss that does not exist": (
        "training.loss.name=HubreLoss",
        "training.loss.name",
        ("huber_fn, HuberLoss, CustomMSE", "'HubreLoss'", "did you mean HuberLoss?"),
    ),
    "the label among the features": (
        "data.label=trip_miles",
        "data.label",
        ("no feature", "'trip_miles'", "write: --set data.label=fare"),
    ),
}

FILES = {
    "a list": ("- training", ("a mapping of keys", "list", "write: training: {epochs: 5}")),
    "text": ("training", ("a mapping of keys", "str", "write: training: {epochs: 5}")),
    "no YAML": ("training: {epochs: 5", ("YAML", "while parsing a flow mapping in")),
    "a key twice": ("seed: 1\nseed: 2", ("YAML", "'seed' is given twice")),
    "none": (None, ("(No such file or directory)", "write: huberflow config > my.yaml")),
}


@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(("setting", "key", "parts"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_refused(setting, key, parts, verb, tmp_path):
    key = key if verb == "run" else f"{setting}: {key}"  # a sweep names the trial
    assert_refused(verb, "--set", setting, f"--workspace={tmp_path}/w", key=key, parts=parts)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "parts"), FILES.values(), ids=FILES)
def test_a_config_file_is_refused(text, parts, tmp_path):
    file = tmp_path / "my.yaml"
    if text is not None:
        file.write_text(text)
    asked = ("run", "--config", str(file), "--workspace", f"{tmp_path}/w")
    assert_refused(*asked, key="--config", parts=(str(file), *parts))
    assert not (tmp_path / "w").exists()


class TestObjects:
    def test_with_a_built_in_name_or_a_missing_import_are_refused_each_with_a_line(self, tmp_path):
        (tmp_path / "one.py").write_text(loss(name="HuberLoss"))
        (tmp_path / "two.py").write_text("import scipyx\n")
        files = [f"--objects={tmp_path / name}" for name in ("one.py", "two.py")]
        two, one = messages("run", *files, "--workspace", f"{tmp_path}/w")
        assert two.startswith("two.py")
        assert "'scipyx' (two.py, line 1)" in two
        assert one.startswith("one.py: HuberLoss: ")
        assert "huberflow.custom_objects.losses" in one
        assert not (tmp_path / "w").exists()


class TestNamesThatAreNotUtf8:
    """TensorFlow, TFX and protocol buffers cannot hold them."""

    HUBERFLOW = Path(sys.executable).with_name("huberflow")

    @pytest.fixture
    def line(self, tmp_path):
        """The one line with which a command ends, in a folder, with variables."""

        def line(*arguments: bytes | str, folder: str | bytes = ".", **variables: str) -> str:
            place = os.path.join(os.fsencode(tmp_path), os.fsencode(folder))
            os.makedirs(place, exist_ok=True)
            environment = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
            done = subprocess.run(
                [self.HUBERFLOW, *arguments],
                capture_output=True,
                cwd=place,
                env=environment | variables,
            )
            assert (done.returncode, done.stdout) == (2, b""), done
            (only,) = done.stderr.decode().splitlines()
            return only.removeprefix("huberflow: ")

        return line

    @pytest.mark.parametrize(
        "arguments",
        [("run", b"--data=donn\xe9es.csv"), ("verify", b"mod\xe8le"), (b"--r\xf6n",)],
    )
    def test_are_refused_with_the_argument(self, line, arguments):
        text = line(*arguments)
        assert text.startswith("argument: expected a name in UTF-8")
        assert "\\udce" in text or "\\udcf" in text
        assert text.endswith("rename the file or folder")

    @pytest.mark.parametrize(
        ("option", "name", "key"),
        [
            ("--data=given", b"given/donn\xe9es.csv", "data.path"),
            ("--data=given/*.csv", b"given/donn\xe9es.csv", "data.path"),
            ("--data=given", b"given/ann\xe9e=2024/rows.csv", "data.path"),
            ("--objects=given", b"given/pert\xe9.py", "given"),
        ],
    )
    def test_are_refused_in_a_folder(self, line, tmp_path, option, name, key):
        for file in (b"given/__init__.py", name) if "objects" in option else (name,):
            place = os.path.join(os.fsencode(tmp_path), file)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w") as written:
                written.write("" if file.endswith(b".py") else "x,y\n1,2\n")
        text = line("config", option)
        assert f"{key}: expected a name in UTF-8" in text
        assert "\\udce9" in text
        assert text.endswith("rename the file or folder")

    def test_are_refused_as_the_current_folder(self, line):
        assert line("run", folder=b"donn\xe9es").startswith("the current folder: expected a name")

    def test_a_current_folder_that_is_gone_is_refused_too(self, tmp_path):
        gone = tmp_path / "gone"
        gone.mkdir()
        script = f"rmdir {gone}; {self.HUBERFLOW} run"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=gone)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "the current folder: expected one that exists" in done.stderr

    def test_are_refused_where_the_home_has_one(self, line):
        text = line("compare", "--workspace", "~/w", HOME=os.fsdecode(b"/home/ren\xe9"))
        assert text.startswith("workspace: expected a name in UTF-8")

    def test_are_read_as_utf8_where_the_locale_is_c(self, line):
        assert "prix-été.csv" in line("config", "--data", "prix-été.csv", LC_ALL="C")

    def test_that_the_locale_misreads_have_a_remedy(self, line):
        ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        text = line("config", "--data", "prix-été.csv", **ascii_only)
        assert "because this locale is ascii" in text
        assert text.endswith("write: export PYTHONUTF8=1")


class TestPort:
    def test_that_is_taken_is_refused_before_the_model_is_loaded(self, tmp_path):
        certificate = tmp_path / "model" / "assets.extra" / "certificate.json"
        certificate.parent.mkdir(parents=True)
        certificate.touch()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            parts = (str(port), "--share-port", f"write: --port {port + 1}")
            asked = ("serve", f"{tmp_path}/model", "--port", str(port))
            assert_refused(*asked, key="--port", parts=parts)


class TestHost:
    """Beyond loopback, whoever reaches it can ask the model and read the answers."""

    @pytest.fixture
    def said(self, tmp_path):
        """What the command says before it finds that there is no model."""
        for name, text in {"token": "0123456789abcdef0123456789abcdef\n", "cert.pem": ""}.items():
            (tmp_path / name).write_text(text)

        def said(*options: str) -> list[str]:
            found = [option.format(tmp=tmp_path) for option in options]
            return messages("serve", f"{tmp_path}/model", *found, code=2)

        return said

    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
    @pytest.mark.parametrize(
        "options", [(), ("--token-file={tmp}/token",), ("--tls-cert={tmp}/cert.pem",)]
    )
    def test_that_others_reach_is_warned_of(self, said, host, options):
        warning, _ = said(f"--host={host}", *options)
        assert f"{host}:8080" in warning
        for option in ("--token-file", "--tls-cert", "--tls-key"):
            assert option in warning

    @pytest.mark.parametrize(
        "options",
        [
            ("--host=0.0.0.0", "--token-file={tmp}/token", "--tls-cert={tmp}/cert.pem"),
            ("--host=127.0.0.1",),
            (),
        ],
    )
    def test_that_is_guarded_or_of_this_machine_alone_is_not(self, said, options):
        assert len(said(*options)) == 1


class TestSigningKey:
    """Each is refused before the first node runs."""

    @pytest.fixture
    def asked(self, tmp_path):
        def asked(**settings) -> tuple[str, ...]:
            pairs = {"method": "key", **settings}.items()
            written = [f"--set=export.signing.{name}={value}" for name, value in pairs]
            return ("run", "--workspace", f"{tmp_path}/w", *written)

        yield asked
        assert not (tmp_path / "w" / "artifacts").exists()

    def test_that_is_not_there(self, asked, tmp_path):
        parts = (f"{tmp_path}/none.pem (No such file or directory)", "write: openssl ")
        key = "export.signing.private_key"
        assert_refused(*asked(private_key=tmp_path / "none.pem"), key=key, parts=parts)

    def test_that_is_none(self, asked):
        assert_refused(*asked(), key="export.signing.private_key", parts=("received none",))

    def test_on_another_curve(self, asked, tmp_path):
        key = write_key(tmp_path, "key", rsa.generate_private_key(65537, 2048))
        parts = ("P-256, P-384, P-521", str(key.private))
        assert_refused(
            *asked(private_key=key.private), key="export.signing.private_key", parts=parts
        )

    def test_with_another_password(self, asked, tmp_path, monkeypatch):
        key = write_key(tmp_path, "key", password=b"correct horse")
        named = asked(private_key=key.private, password_from="SIGNING_PASSWORD")
        parts = ("SIGNING_PASSWORD, which is not set",)
        assert_refused(*named, key="export.signing.password_from", parts=parts)
        monkeypatch.setenv("SIGNING_PASSWORD", "battery staple")
        (line,) = messages(*named)
        assert "another password" in line
        assert "battery" not in line

    def test_without_a_method(self, asked):
        parts = ("write: --set export.signing.method=key",)
        named = asked(method="null", private_key="signing.pem")
        assert_refused(*named, key="export.signing.private_key", parts=parts)

    def test_with_a_pin_that_would_be_recorded(self, asked):
        uri = "pkcs11:token=a;object=b?pin-value=1234"
        (line,) = messages(*asked(method="pkcs11", pkcs11_uri=uri))
        assert line.startswith("export.signing.pkcs11_uri: ")
        assert "1234" not in line


class TestDataBesideOthers:
    """TFX reads files by one pattern."""

    @pytest.mark.parametrize("verb", ["run", "sweep"])
    def test_are_refused_before_the_first_run(self, verb, tmp_path):
        for number in (1, 2, 10):
            (tmp_path / f"2024-{number}.csv").write_text("x,y\n1,2\n2,3\n")
        asked = ["--data", f"{tmp_path}/2024-?.csv", "--label", "y", "--workspace", f"{tmp_path}/w"]
        (line,) = messages(verb, *asked, "--set", "seed=1")
        for part in ("data.path: ", f"2 in {tmp_path}", "2024-*.csv"):
            assert part in line
        assert not (tmp_path / "w").exists()

    def test_that_vanish_during_a_sweep_fail_the_trial(self, tmp_path):
        data, sweep = tmp_path / "a.csv", Sweep("sweep-1", "a sweep", datetime.now(UTC), 0)
        data.write_text("x,y\n1,2\n5,3\n1,4\n")
        settings = [f"data.path={data}", "data.label=y", f"workspace={tmp_path}/w"]
        run = resolve(resolve_config(None, settings))
        data.unlink()
        failed = run_trial(TrialJob("a", "run-1", run, sweep, cache=True, verbose=False))
        assert failed.startswith("data.path: ")
        assert str(data) in failed


class TestWorkspaceOfAnotherVersion:
    @pytest.mark.parametrize("found", ["0", str(int(VERSION) + 1), "?"])
    def test_is_refused_and_stays_as_it_is(self, found, tmp_path):
        (tmp_path / "version").write_text(f"{found}\n")
        parts = (f"version {VERSION}", f"{tmp_path} of version '{found}'", "--workspace other")
        assert_refused("run", "--workspace", str(tmp_path), key="workspace", parts=parts)
        assert (tmp_path / "version").read_text() == f"{found}\n"
        assert {path.name for path in tmp_path.iterdir()} <= {"version", ".lock"}

    def test_is_not_one_that_was_made_here(self, tmp_path):
        for _ in range(2):
            with Workspace(tmp_path).locked():
                pass
        assert (tmp_path / "version").read_text() == f"{VERSION}\n"


class TestWorkspaceThatCannotBeWritten:
    @pytest.fixture
    def not_mine(self):
        """A folder that may be read alone; root may write it still, so it is nobody meanwhile."""
        me = os.geteuid()
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            if me == 0:
                os.seteuid(65534)
            yield Path(folder)
            os.seteuid(me)
            Path(folder).chmod(0o755)

    @pytest.mark.parametrize("below", ["", "w"])
    def test_is_refused(self, below, not_mine):
        folder = str(not_mine / below)
        parts = (f"{folder} (Permission denied)", "write: --workspace ~/huberflow")
        assert_refused("run", "--workspace", folder, key="workspace", parts=parts)
        assert not list(not_mine.iterdir())

    def test_is_refused_where_validated_objects_are_cached(self, tmp_path):
        (tmp_path / "my_losses.py").write_text(loss())
        (tmp_path / "w").touch()
        asked = ["--objects", f"{tmp_path}/my_losses.py", "--workspace", f"{tmp_path}/w"]
        parts = (
            f"{tmp_path}/w/objects/validated (Not a directory)",
            "write: --workspace ~/huberflow",
        )
        assert_refused("run", *asked, key="workspace", parts=parts)


@contextmanager
def disk(folder: Path, size: str):
    """A small disk in a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount, for a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class TestFullDisk:
    def test_is_refused_before_a_run(self, tmp_path):
        with disk(tmp_path / "small", "1m") as small:
            parts = ("100 MiB", f"{small}/w with 1.0 MiB")
            assert_refused("run", "--workspace", f"{small}/w", key="workspace", parts=parts)
            assert {path.name for path in (small / "w").iterdir()} <= {".lock"}

    def test_that_fills_during_a_run_is_one_line(self, tmp_path, monkeypatch):
        def fill():
            with (small / "filling").open("wb", buffering=0) as file:
                while file.write(bytes(2**20)):
                    pass

        monkeypatch.setattr(runs, "load_libraries", fill)
        with disk(tmp_path / "small", "110m") as small:
            (line,) = messages("run", "--workspace", f"{small}/w", code=1)
        assert line.startswith("the disk is full")


HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("CREATE TABLE t (x)")
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(60)
"""


class TestMetadata:
    def test_that_another_program_has_locked_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(workspace, "LOCK_PATIENCE", 1)
        path = Workspace(tmp_path).metadata
        command = [sys.executable, "-c", HOLD, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout.readline() == "held\n"
            (line,) = messages("run", "--workspace", str(tmp_path))
            name = psutil.Process(holder.pid).name()
            holder.kill()
        assert line.startswith(
            f"workspace: expected a database that can be written, received {path}"
        )
        assert f"locked for 1 s by {name} (process {holder.pid})" in line
        assert line.endswith("write: --workspace other")

    def test_that_are_no_database_are_refused_and_stay(self, tmp_path):
        path = Workspace(tmp_path).metadata
        path.write_text("this is no database at all")
        asked = ["--workspace", str(tmp_path), "--set", "tracking.enabled=false"]
        parts = ("the database of ML Metadata", f"write: mv {path} {path}.damaged")
        assert_refused("run", *asked, key=str(path), parts=parts)
        assert path.read_text() == "this is no database at all"
