"""The published form of a certificate is that of real ones."""

import copy
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tf_keras
from jsonschema import Draft202012Validator
from small_bundles import PLAIN, Transform, bundled, trained

from huberflow.components.bundle import bundle, reload
from huberflow.components.bundle.save import save_bundle
from huberflow.components.training.model import build_model
from huberflow.custom_objects import CustomMSE, HuberLoss, HuberMetric, huber_fn, registry

SCHEMA = json.loads(Path(bundle.__file__).with_name("certificate.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def errors(certificate):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(certificate)]


def fields(schema, place=()):
    """Path and form of every object with named fields, references followed; ``*`` for any key."""
    schema = SCHEMA["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    if "required" in schema:
        yield place, schema
    for name, child in schema.get("properties", {}).items():
        yield from fields(child, (*place, name))
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from fields(schema[keyword], (*place, "*"))


FORMS = dict(fields(SCHEMA))


def part(certificate, place):
    """What stands there, for any key the first one."""
    for key in place:
        keys = list(range(len(certificate))) if isinstance(certificate, list) else [*certificate]
        certificate = certificate[keys[0] if key == "*" else key]
    return certificate


def joined(place):
    return ".".join(place) if isinstance(place, tuple) else place


@pytest.fixture(scope="module")
def certificate(bundle):
    certificate = json.loads((bundle / reload.layout.CERTIFICATE).read_text())
    # As of a model with a source that imports an installed package.
    certificate["source"]["requirements"] = [{"name": "acme-tools", "version": "1.2"}]
    return certificate


class TestRealCertificates:
    def test_with_every_kind_of_object(self, certificate):
        assert errors(certificate) == []

    @pytest.mark.parametrize(
        "loss",
        [HuberLoss(2.0), CustomMSE(0.3), huber_fn, "mse"],
        ids=["HuberLoss", "CustomMSE", "huber_fn", "of-Keras"],
    )
    def test_with_any_loss(self, loss, tmp_path):
        model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
        model.compile("adam", loss=loss, metrics=[HuberMetric(0.5), HuberMetric(2.0, name="wide")])
        model.transform = Transform()
        assert errors(reload.verify(bundled(model, tmp_path))) == []

    def test_of_mixed_precision(self, tmp_path):
        assert errors(reload.verify(bundled(trained(policy="mixed_float16"), tmp_path))) == []

    def test_that_prove_less(self, tmp_path):
        inputs = tf_keras.Input((2,), name="x")
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(inputs))
        rows = np.ones((3, 2), np.float32)
        assert (
            errors(save_bundle(model, tmp_path / "predictions", rows, lineage=[1], check=False))
            == []
        )
        model.save(tmp_path / "saved", save_format="tf")
        assert errors(bundle.assemble(tmp_path / "saved", None, tmp_path / "none", None)) == []

    def test_with_a_module_of_the_users_own(self, tmp_path, monkeypatch):
        (tmp_path / "tip_objects.py").write_text(
            "import tf_keras\n"
            "from huberflow.custom_objects.registry import register\n"
            "@register\n"
            "class TipLoss(tf_keras.losses.Loss):\n"
            "    def call(self, y_true, y_pred):\n"
            "        return tf_keras.losses.mean_absolute_error(y_true, y_pred)\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        from tip_objects import TipLoss

        model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
        model.compile("sgd", loss=TipLoss())
        model.transform = Transform()
        certificate = reload.verify(bundled(model, tmp_path))
        del sys.modules["tip_objects"]
        registry.forget({"tip_objects"})
        assert {entry["file"] for entry in certificate["objects"]} == {"tip_objects.py"}
        assert errors(certificate) == []


class TestForm:
    def test_is_a_schema_with_a_description_of_each_field(self):
        Draft202012Validator.check_schema(SCHEMA)
        for place, form in FORMS.items():
            for name, field in form.get("properties", {}).items():
                assert field.get("description"), f"{joined((*place, name))}: describe it"

    def test_is_the_one_that_the_bundle_describes(self):
        _, _, _, table, _ = re.split(r"^=+ =+$", bundle.__doc__, flags=re.MULTILINE)
        described = re.findall(r"^(\w+) ", table, flags=re.MULTILINE)
        assert described == list(SCHEMA["properties"])
        assert described == SCHEMA["required"] == list(reload.Certificate.__annotations__)

    @pytest.mark.parametrize(
        ("place", "name"),
        [(place, name) for place, form in FORMS.items() for name in form["required"]],
        ids=joined,
    )
    def test_what_is_required_is_always_there_and_missed(self, certificate, place, name):
        less = copy.deepcopy(certificate)
        del part(less, place)[name]
        (error,) = errors(less)
        assert f"'{name}' is a required property" in error

    @pytest.mark.parametrize(
        "place", [place for place, form in FORMS.items() if "properties" in form], ids=joined
    )
    def test_what_is_unknown_is_refused(self, certificate, place):
        more = copy.deepcopy(certificate)
        part(more, place)["surprise"] = 1
        (error,) = errors(more)
        assert "'surprise' was unexpected" in error

    @pytest.mark.parametrize(
        ("place", "name", "wrong"),
        [
            ((), "schema_version", 1),
            ((), "keras_generation", "keras 3"),
            ((), "sha256", "0" * 63),
            (("files",), "saved_model.pb", "A" * 64),
            (("files",), "../elsewhere.py", "0" * 64),
            (("files",), "/elsewhere.py", "0" * 64),
            (("files",), "variables/..", "0" * 64),
            (("files",), "assets.extra/certificate.json", "0" * 64),
            (("tolerances",), "same_machine", 1e-9),
            (("tolerances", "float32"), "steps", -1),
            (("tolerances", "float32"), "prediction", 0.1),
            (("golden",), "rows", -1),
            (("proof",), "model", "some process"),
            (("proof", "signatures"), "columns", ""),
        ],
    )
    def test_a_wrong_value_is_refused(self, certificate, place, name, wrong):
        changed = copy.deepcopy(certificate)
        part(changed, place)[name] = wrong
        assert len(errors(changed)) == 1


class TestLoader:
    @pytest.mark.parametrize("name", SCHEMA["required"])
    def test_refuses_a_certificate_that_lacks_a_field(self, bundle, tmp_path, name):
        bare = Path(shutil.copytree(bundle, tmp_path / "copy"))
        certificate = json.loads((bare / reload.layout.CERTIFICATE).read_text())
        del certificate[name]
        sealed = json.dumps(certificate) if name == "sha256" else reload.integrity.seal(certificate)
        (bare / reload.layout.CERTIFICATE).write_text(sealed)
        with pytest.raises(reload.ReloadError) as refused:
            reload.verify(bare)
        words = "changed after the export" if name == "sha256" else f"lacks {name}"
        assert words in str(refused.value)

    @pytest.mark.parametrize("version", [3, 5])
    def test_of_another_form_it_says_so_whatever_it_lacks(self, bundle, tmp_path, version):
        newer = Path(shutil.copytree(bundle, tmp_path / "copy"))
        (newer / reload.layout.CERTIFICATE).write_text(
            reload.integrity.seal({"schema_version": version})
        )
        with pytest.raises(reload.ReloadError, match=f"expected 4, received {version}"):
            reload.verify(newer)
