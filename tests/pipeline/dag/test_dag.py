"""The parameters of each node: TFX runs a node again when one of them has changed."""

from __future__ import annotations

import json

import pytest
from key_files import write_key
from tfx.dsl.components.common.resolver import RESOLVER_CONFIG, RESOLVER_STRATEGY_CLASS

from huberflow.pipeline.config import Config
from huberflow.pipeline.dag.graph import create_pipeline
from huberflow.pipeline.resolve.resolved_run import changes, resolve, resolve_config

# A config whose Trainer uses none of huberflow's objects.
PLAIN = [
    "training.loss.name=MeanAbsoluteError",
    "training.metrics=[]",
    "model.activation.name=relu",
    "model.initializer.name=GlorotUniform",
    "model.regularizer=null",
    "model.activity_regularization=null",
    "model.metric_logging=false",
]


def pipeline(*settings: str, **options):
    return create_pipeline(resolve(resolve_config(None, settings)), **options)


def nodes(*settings: str, **options) -> dict:
    return {node.id: node for node in pipeline(*settings, **options).components}


def parameters(*settings: str) -> dict[str, dict]:
    return {name: dict(node.exec_properties) for name, node in nodes(*settings).items()}


def sources(node: str, *settings: str) -> set[str]:
    """The files whose hashes are in a node's config."""
    return set(json.loads(parameters(*settings)[node]["custom_config"])["source"])


class TestWhatAChangeRuns:
    @pytest.mark.parametrize(
        ("setting", "nodes"),
        [
            ("data.splits.eval=4", {"ExampleGen"}),
            ("features.vocabulary_size=10", {"Transform", "Trainer"}),
            ("data.label=tips", {"ExampleValidator", "Transform", "Trainer", "Evaluator"}),
            ("data.weight=tips", {"ExampleValidator", "Transform", "Trainer", "Evaluator"}),
            ("data.drift_threshold=0.2", {"ExampleValidator"}),
            ("features.dates={sold: YYYY-MM-DD}", {"ExampleValidator", "Transform", "Trainer"}),
            ("model.hidden_units=[8]", {"Trainer"}),
            ("model.label_scale=log", {"Trainer"}),
            ("training.loss.config.threshold=2.0", {"Trainer"}),
            ("training.metrics=[]", {"Trainer"}),
            ("seed=1", {"Trainer"}),
            ("export.allow_ops=[PrintV2]", {"ServingExport"}),
            ("evaluation.metrics.0.config.threshold=2.0", {"Evaluator"}),
            ("evaluation.gate.0.upper_bound=0.5", {"Evaluator"}),
            ("evaluation.slices=[]", {"Evaluator"}),
        ],
    )
    def test_is_its_own_node_and_no_other(self, setting, nodes):
        before, after = parameters(), parameters(setting)
        assert {node for node in before if before[node] != after[node]} == nodes

    def test_of_how_a_column_splits_rows_is_reading_them(self, tmp_path):
        rows = "".join(f"{n}.5,2024-05-{1 + n % 30:02},{n}\n" for n in range(99))
        (tmp_path / "flats.csv").write_text("area,date,rent\n" + rows)
        own = [f"data.path={tmp_path / 'flats.csv'}", "data.label=rent"]
        by_date = [*own, "data.splits.column=date"]
        before = [parameters(*settings) for settings in (own, by_date)]
        later = parameters(*by_date, "data.splits.days.eval=2024-05-29")
        for one, other in ((before[0], before[1]), (before[1], later)):
            assert {node for node in one if one[node] != other[node]} == {"ExampleGen"}

    def test_of_the_signing_key_is_the_export_and_no_change_of_the_run(self, tmp_path):
        key = write_key(tmp_path, "signing").private
        setting = f"export.signing={{method: key, private_key: {key}}}"
        before, after = parameters(), parameters(setting)
        assert {node for node in before if before[node] != after[node]} == {"ServingExport"}
        assert changes(resolve_config(None, [setting])) == {}
        signs = {f"components/bundle/{name}.py" for name in ("signing", "signing_keys")}
        assert signs < sources("ServingExport")

    def test_of_beams_options_is_nothing(self):
        """Beam's arguments in the pipeline would be part of the cache's key."""
        flink = ["beam.runner=flink", "beam.options.parallelism=8"]
        assert parameters(*flink) == parameters()
        assert pipeline(*flink).beam_pipeline_args == []


class TestCodeOfNodes:
    """Objects are imported by name: no import statement leads to their module."""

    @pytest.mark.parametrize(
        ("node", "settings", "module"),
        [
            ("Trainer", ["training.loss.name=HuberLoss"], "losses"),
            ("Trainer", ["model.constraint.name=PositiveWeights"], "constraints"),
            ("Trainer", ["training.metrics=[{name: HuberMetric}]"], "metrics"),
            ("Trainer", ["model.metric_logging=true"], "layers"),
            ("Evaluator", ["evaluation.metrics.0.name=HuberMetric"], "metrics"),
        ],
    )
    def test_an_object_that_is_named_brings_its_file(self, node, settings, module):
        assert f"custom_objects/{module}.py" in sources(node, *PLAIN, *settings)

    def test_an_object_that_is_not_named_does_not(self):
        files = sources("Trainer", *PLAIN)
        assert not {f"custom_objects/{name}.py" for name in ("layers", "metrics", "losses")} & files


class TestTrial:
    def test_exports_and_pushes_nothing(self):
        assert list(nodes(export=False)) == [*nodes()][:-2]
        assert [*nodes()][-2:] == ["ServingExport", "Pusher"]

    @pytest.mark.parametrize("node", ["Baseline", "EarlierData"])
    def test_is_compared_with_artifacts_from_before_the_sweep(self, node):
        properties = nodes(newest=17)[node].exec_properties
        assert properties[RESOLVER_CONFIG] == {"newest": 17}
        assert properties[RESOLVER_STRATEGY_CLASS](**properties[RESOLVER_CONFIG])

    def test_shares_the_cache_with_runs(self):
        run, trial = nodes(), nodes(newest=17, export=False)
        for node in trial.keys() - {"Baseline", "EarlierData"}:
            assert dict(trial[node].exec_properties) == dict(run[node].exec_properties)


class TestPinnedSchema:
    @pytest.fixture
    def pinned(self, tmp_path):
        def pinned(kind: str = "INT") -> dict:
            features = [f'feature {{ name: "{name}" type: {kind} }}' for name in Config().columns()]
            (tmp_path / "mine.pbtxt").write_text("\n".join(features))
            return nodes(f"data.schema={tmp_path / 'mine.pbtxt'}")

        return pinned

    def test_is_a_parameter_by_its_content(self, pinned):
        before, same, after = pinned(), pinned(), pinned("FLOAT")
        found = [dict(each["SchemaGen"].exec_properties) for each in (before, same, after)]
        assert found[0] == found[1] != found[2]

    def test_is_a_gate_before_all_that_uses_the_data(self, pinned):
        with_schema = pinned()
        assert with_schema["SchemaGate"] in with_schema["Transform"].upstream_nodes
        assert "SchemaGate" not in nodes()
