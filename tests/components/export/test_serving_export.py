"""ServingExport as TFX calls it: artifacts in, a bundle out, or a failed node."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from key_files import write_key
from tfx.types import standard_artifacts
from tfx.types.channel_utils import as_channel
from tfx.utils import path_utils

import huberflow
from huberflow.components.bundle import clean_process, reload
from huberflow.components.contracts.lineage import LINEAGE, RunLineage, TrackingTag
from huberflow.components.export.serving_export import ServingExport
from huberflow.custom_objects.input_error import InputError


@pytest.fixture(scope="module")
def made(bundle):
    """What the Trainer leaves: ``exported`` and ``captured``."""
    return bundle.parent


@pytest.fixture
def export(made, tmp_path):
    """Runs the component; its output artifact."""

    def artifact(kind, number, name):
        found = kind()
        found.uri, found.id = str(tmp_path / name), number
        return found

    def export(*, blessed=True, run=None, **parameters):
        model = artifact(standard_artifacts.Model, 7, "model")
        shutil.copytree(made / "exported", path_utils.serving_model_dir(model.uri))
        model_run = artifact(standard_artifacts.ModelRun, 8, "model_run")
        if not (tmp_path / "model_run").exists():
            shutil.copytree(made / "captured", tmp_path / "model_run" / "captured")
        blessing = artifact(standard_artifacts.ModelBlessing, 9, "blessing")
        blessing.set_int_custom_property("blessed", int(blessed))
        exported = artifact(standard_artifacts.Model, 10, "exported")
        ServingExport.test_call(
            model=model,
            model_run=model_run,
            blessing=blessing,
            examples=artifact(standard_artifacts.Examples, 1, "examples"),
            schema=artifact(standard_artifacts.Schema, 2, "schema"),
            exported_model=exported,
            custom_config="{}",
            **({LINEAGE: run.to_text()} if run else {}),
            **parameters,
        )
        return exported

    return export


def certificate(exported):
    return reload.verify(path_utils.serving_model_path(exported.uri))


class TestExport:
    def test_is_a_bundle_where_others_look_for_a_model(self, export):
        exported = export()
        found = certificate(exported)
        assert exported.get_string_custom_property("certificate") == found["sha256"]
        assert exported.get_string_custom_property("weights") == "as trained"
        assert json.loads(exported.get_string_custom_property("checked"))["ok"]

    @pytest.mark.parametrize("blessed", [True, False])
    def test_says_where_it_comes_from(self, export, blessed):
        tag = TrackingTag(tag="huberflow.key", value="w/8")
        run = RunLineage(run="8", mlflow=tag, git={"commit": "c0ffee"})
        lineage = certificate(export(blessed=blessed, run=run))["lineage"]
        ids = {"model": [7], "model_run": [8], "blessing": [9], "examples": [1], "schema": [2]}
        assert lineage == {**run.to_json(), "artifacts": ids, "blessed": blessed}

    def test_of_a_model_that_does_not_reload_faithfully_fails(self, export, made, tmp_path):
        """As where a loss loses its threshold on the way: golden values are of another model."""
        shutil.copytree(made / "captured", tmp_path / "model_run" / "captured")
        golden = tmp_path / "model_run" / "captured" / "golden.npz"
        values = dict(np.load(golden))
        np.savez(golden, **{**values, "model/loss": values["model/loss"] * 2})
        with pytest.raises(clean_process.CheckError, match="model/loss is off by"):
            export()


def node(signing):
    """The node in a pipeline of a user."""
    return ServingExport(model=as_channel([standard_artifacts.Model()]), signing=signing)


class TestSigning:
    def test_signs_what_was_checked(self, export, tmp_path, monkeypatch):
        key = write_key(tmp_path, "signing", password=b"correct horse")
        monkeypatch.setenv("SIGNING_PASSWORD", "correct horse")
        signing = {"private_key": str(key.private), "password_from": "SIGNING_PASSWORD"}
        parameters = node(signing).exec_properties
        exported = export(signing=parameters["signing"], public_key=parameters["public_key"])
        model = path_utils.serving_model_path(exported.uri)
        huberflow.check_signature(model, public_key=key.public)
        assert exported.get_string_custom_property("signed_with") == parameters["public_key"]
        report = json.loads(exported.get_string_custom_property("checked"))
        assert report["signature"].startswith("signed")
        recorded = json.dumps(
            [
                *map(str, parameters.values()),
                exported.mlmd_artifact.SerializeToString().decode("latin1"),
            ]
        )
        assert "correct horse" not in recorded
        assert key.private.read_text().splitlines()[1] not in recorded

    def test_runs_again_with_another_key_at_the_same_place(self, tmp_path):
        signing = {"private_key": str(write_key(tmp_path, "signing").private)}
        before = node(signing).exec_properties
        assert node(signing).exec_properties == before
        write_key(tmp_path, "signing")
        after = node(signing).exec_properties
        assert after["signing"] == before["signing"]
        assert after["public_key"] != before["public_key"]

    @pytest.mark.parametrize(
        ("signing", "key"),
        [
            ({"private_key": "none.pem"}, "signing.private_key"),
            ({"privat_key": "signing.pem"}, "signing.privat_key"),
            ({"method": "certificate", "private_key": "signing.pem"}, "signing.certificate"),
        ],
    )
    def test_is_refused_before_anything_runs(self, signing, key):
        with pytest.raises(InputError) as refusal:
            node(signing)
        assert refusal.value.key == key
