"""What each node is told, for TFX runs a node again where that has changed."""

from __future__ import annotations

import json

import pytest
from tfx.dsl.components.common.resolver import RESOLVER_CONFIG, RESOLVER_STRATEGY_CLASS

from huberflow.pipeline.config.reading import load
from huberflow.pipeline.dag.graph import create_pipeline
from huberflow.pipeline.data import taxi

# A config that names no object of ours in the Trainer.
PLAIN = [
    "training.loss.name=MeanAbsoluteError",
    "training.metrics=[]",
    "model.activation.name=relu",
    "model.initializer.name=GlorotUniform",
    "model.regularizer=null",
    "model.activity_regularization=null",
    "model.metric_logging=false",
]


def told(*settings: str) -> dict[str, dict]:
    """Every node's parameters under a config."""
    nodes = create_pipeline(load(None, settings)).components
    return {node.id: dict(node.exec_properties) for node in nodes}


def sources(node: str, *settings: str) -> set[str]:
    """The files whose hashes a node is told."""
    return set(json.loads(told(*settings)[node]["custom_config"])["source"])


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
            ("evaluation.metrics.0.config.threshold=2.0", {"Evaluator"}),
            ("evaluation.gate.0.upper_bound=0.5", {"Evaluator"}),
            ("evaluation.slices=[]", {"Evaluator"}),
        ],
    )
    def test_is_its_own_node_and_no_other(self, setting, nodes):
        before, after = told(), told(setting)
        assert {node for node in before if before[node] != after[node]} == nodes

    def test_of_how_a_column_splits_rows_is_reading_them(self, tmp_path):
        rows = "".join(f"{n}.5,2024-05-{1 + n % 30:02},{n}\n" for n in range(99))
        (tmp_path / "flats.csv").write_text("area,date,rent\n" + rows)
        own = [f"data.path={tmp_path / 'flats.csv'}", "data.label=rent"]
        by_date = [*own, "data.splits.column=date"]
        before = [told(*settings) for settings in (own, by_date)]
        later = told(*by_date, "data.splits.days.eval=2024-05-29")
        for one, other in ((before[0], before[1]), (before[1], later)):
            assert {node for node in one if one[node] != other[node]} == {"ExampleGen"}

    def test_the_same_config_is_told_the_same(self):
        assert told() == told()

    def test_where_rows_are_processed_is_told_to_none(self):
        """Beam's arguments in the pipeline would be part of the cache's key."""
        flink = ["beam.runner=flink", "beam.options.parallelism=8"]
        assert told(*flink) == told()
        assert create_pipeline(load(None, flink)).beam_pipeline_args == []


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


class TestPointOfASweep:
    def nodes(self, **options) -> dict:
        return {node.id: node for node in create_pipeline(load(), **options).components}

    def test_exports_and_pushes_nothing(self):
        assert list(self.nodes(export=False)) == [*self.nodes()][:-2]
        assert [*self.nodes()][-2:] == ["ServingExport", "Pusher"]

    @pytest.mark.parametrize("node", ["Baseline", "EarlierData"])
    def test_is_held_against_what_was_there_before_the_sweep(self, node):
        told = self.nodes(newest=17)[node].exec_properties
        assert told[RESOLVER_CONFIG] == {"newest": 17}
        assert told[RESOLVER_STRATEGY_CLASS](**told[RESOLVER_CONFIG])

    def test_is_no_different_in_what_the_other_nodes_are_told(self):
        """Else a sweep would find nothing in the cache that a run has left, nor a run after it."""
        alone, trial = self.nodes(), self.nodes(newest=17, export=False)
        for node in trial.keys() - {"Baseline", "EarlierData"}:
            assert dict(trial[node].exec_properties) == dict(alone[node].exec_properties)


class TestPinnedSchema:
    @pytest.fixture
    def nodes(self, tmp_path):
        def nodes(schema='feature { name: "fare" }', name="mine.pbtxt") -> dict:
            (tmp_path / name).write_text(schema)
            config = load(None, [f"data.schema={tmp_path / name}"])
            return {node.id: node for node in create_pipeline(config).components}

        return nodes

    def test_is_told_by_what_it_says(self, nodes):
        before, same, after = nodes(), nodes(), nodes('feature { name: "fare" type: FLOAT }')
        told = [dict(each["SchemaGen"].exec_properties) for each in (before, same, after)]
        assert told[0] == told[1] != told[2]

    def test_is_a_gate_before_all_that_uses_the_data(self, nodes):
        found = nodes()
        assert found["SchemaGate"] in found["Transform"].upstream_nodes
        assert "SchemaGate" not in told()


class TestData:
    def test_of_the_default_config_is_there(self):
        (file,) = taxi.folder().glob("*.csv")
        header, *_ = file.read_text().splitlines()
        assert {"fare", "trip_miles"} < set(header.split(","))
