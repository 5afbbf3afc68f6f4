"""Models of classes and of several labels: what they answer, and what proves that they arrived."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_classifiers
from small_classifiers import SEVERAL, THREE, TWO, rows, spec, trained

from huberflow.components.bundle import reload
from huberflow.components.training import predictions
from huberflow.pipeline.deploy import batch, protocol
from huberflow.pipeline.deploy.scorer import Scorer

NAMES = {TWO: "two classes", THREE: "three classes", SEVERAL: "several labels"}


@pytest.fixture(scope="module", params=NAMES, ids=NAMES.get)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def model(target):
    return trained(target)


@pytest.fixture(scope="module")
def path(model, target, tmp_path_factory):
    return small_classifiers.bundled(model, target, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def answers(path) -> Mapping[str, np.ndarray]:
    return reload.predictor(path, "columns")(miles=[0.1, 2.5, np.nan], company=["Blue", "Red", ""])


OUTPUTS = {
    TWO: ["prediction", "probability_far", "probability_near"],
    THREE: ["prediction", "probability_Größe 5.0", "probability_far", "probability_near"],
    SEVERAL: ["prediction_fare", "prediction_tips"],
}


class TestAnswers:
    def test_are_columns_of_a_table(self, answers, target):
        assert sorted(answers) == OUTPUTS[target]
        assert {values.shape for values in answers.values()} == {(3,)}

    def test_are_the_networks(self, answers, model, target):
        columns = {"miles": np.float32([0.1, 2.5]), "company": ["Blue", "Red"]}
        found = np.stack([answers[name][:2] for name in target.number_outputs], axis=1)
        expected = network(model, columns)
        if target is TWO:
            expected = np.concatenate([1 - expected, expected], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_name_the_likeliest_class(self, answers, target):
        if target.classes:
            found = np.stack([answers[name] for name in target.number_outputs], axis=1)
            np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
            likeliest = [target.classes[place].encode() for place in found.argmax(axis=1)]
            assert answers["prediction"].tolist() == likeliest


@pytest.mark.parametrize(("shift", "answer"), [(-0.01, b"near"), (0.01, b"far")])
def test_a_threshold_decides_which_of_two_classes_is_answered(shift, answer, tmp_path):
    model, one_row = trained(TWO), {"miles": [0.1], "company": ["Blue"]}
    probability = float(network(model, {"miles": np.float32([0.1]), "company": ["Blue"]})[0, 0])
    path = small_classifiers.bundled(model, TWO, tmp_path, threshold=probability + shift)
    assert reload.predictor(path, "columns")(**one_row)["prediction"].tolist() == [answer]
    assert reload.check(path)["ok"]


def network(model, columns) -> np.ndarray:
    """What the Keras model itself gives."""
    import tensorflow as tf

    raw = {
        name: tf.sparse.from_dense(tf.constant(values)[:, tf.newaxis])
        for name, values in columns.items()
    }
    return model.predict(model.transform(raw), verbose=0)


class TestCertificate:
    def test_is_met_to_the_last_bit_where_it_was_written(self, path):
        report = reload.check(path)
        assert report["ok"], report
        assert report["precision"] == "same_machine"

    def test_allows_another_machine_some_roundings_and_no_more(self, path, target):
        tolerances = reload.verify(path)["tolerances"]["float32"]
        assert {
            f"answers/serving_default/{name}" for name in target.number_outputs
        } < tolerances.keys()
        if target.classes:  # the class's name: at most 1 row in 100 has another one
            for signature in ("columns", "serving_default"):
                assert tolerances.pop(f"answers/{signature}/prediction") == 0.01
        assert all(0 < allowed < 5e-3 for allowed in tolerances.values()), tolerances


def test_the_sample_for_the_report_has_every_output(model, target, tmp_path):
    lines = tmp_path / "predictions.jsonl"
    predictions.write(model, rows(target)[:5], spec(target), target, lines)
    first, *_ = map(json.loads, lines.read_text().splitlines())
    outputs = {*target.number_outputs, *(["prediction"] if target.classes else [])}
    assert first.keys() == {"label", "features", *outputs}
    if target.classes:
        assert first["label"] in target.classes
        assert first["prediction"] in target.classes
    else:
        assert first["label"].keys() == {"fare", "tips"}
        assert first["label"]["tips"] == pytest.approx(-first["label"]["fare"] / 3)


class TestDeployed:
    @pytest.fixture(scope="class")
    def scorer(self, path):
        return Scorer(path)

    def test_over_http_a_row_has_every_output(self, scorer, target):
        table = pd.DataFrame({"miles": [0.1, None], "company": ["Blue", None]}, dtype=object)
        found = json.loads(protocol.encode_predictions(scorer.predict(table)))["predictions"]
        assert [sorted(row) for row in found] == [OUTPUTS[target]] * 2
        if target.classes:
            assert found[0]["prediction"] in target.classes

    @pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
    def test_a_file_gets_a_column_for_every_output(self, scorer, target, tmp_path, name):
        data, out = tmp_path / "data.csv", tmp_path / name
        data.write_text("miles,company,kind\n0.1,Blue,far\n2.5,,near\n")
        outcome = batch.predict_file(scorer, data, out, tmp_path / "bad.csv")
        found = pd.read_csv(out) if name.endswith("csv") else pq.read_table(out).to_pandas()
        assert outcome.rows == 2
        assert list(found) == ["miles", "company", "kind", *OUTPUTS[target]]
        assert list(found["kind"]) == ["far", "near"]
        if target.classes:
            assert set(found["prediction"]) <= set(target.classes)

    def test_a_file_that_has_such_a_column_keeps_it(self, scorer, target, tmp_path):
        taken = OUTPUTS[target][-1]
        (tmp_path / "data.csv").write_text(f"miles,{taken}\n1,kept\n")
        files = [tmp_path / name for name in ("data.csv", "out.csv", "bad.csv")]
        outcome = batch.predict_file(scorer, *files)
        found = pd.read_csv(tmp_path / "out.csv")
        assert list(found[taken]) == ["kept"]
        assert sorted(outcome.outputs.values()) == [f"model_{name}" for name in OUTPUTS[target]]
        assert found.columns[2:].tolist() == list(outcome.outputs.values())
