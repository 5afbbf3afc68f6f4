"""The components that work alone, by their public names, in a pipeline of TFX's own parts."""

import gzip
import importlib
import inspect
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.components import SchemaGen, StatisticsGen
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

import huberflow.components
from huberflow.components import ExampleGen, Transform
from huberflow.custom_objects.input_error import InputError

PAGES = Path(__file__).resolve().parents[2] / "docs" / "components"


def preprocessing_fn(inputs):
    return {"miles_xf": inputs["miles"]}


@pytest.mark.parametrize("name", huberflow.components.__all__)
def test_each_has_a_page_with_its_parameters_and_the_line_to_add(name):
    component = getattr(huberflow.components, name)
    page = (PAGES / f"{re.sub('(?<=[a-z])(?=[A-Z])', '-', name).lower()}.md").read_text()
    assert f"from huberflow.components import {name}" in page
    if component.__init__.__module__.startswith("huberflow."):
        for parameter in inspect.signature(component).parameters.values():
            is_named = parameter.kind is not parameter.VAR_KEYWORD
            assert f"`{parameter.name}`" in page or not is_named, parameter


def test_another_name_is_none():
    with pytest.raises(AttributeError, match="Evaluater"):
        importlib.import_module("huberflow.components").Evaluater  # noqa: B018


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder after a run of ExampleGen, StatisticsGen, SchemaGen and Transform."""
    folder = tmp_path_factory.mktemp("public")
    (folder / "data").mkdir()
    with gzip.open(folder / "data" / "rows.csv.gz", "wt") as file:
        file.write("miles,company\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(200)))
    examples = ExampleGen(str(folder / "data"))
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    schema = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False)
    transform = Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=f"{__name__}.preprocessing_fn",
    )
    LocalDagRunner().run(
        tfx_pipeline.Pipeline(
            pipeline_name="public",
            pipeline_root=str(folder / "root"),
            components=[examples, statistics, schema, transform],
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(folder / "metadata.db")
            ),
        )
    )
    return folder / "root"


def test_they_run_in_a_pipeline_of_tfxs_own_components(written):
    files = {
        split: sorted(map(str, written.glob(f"ExampleGen/examples/*/Split-{split}/*")))
        for split in ("train", "eval")
    }
    counts = {
        split: sum(1 for _ in tf.data.TFRecordDataset(each, "GZIP"))
        for split, each in files.items()
    }
    assert sum(counts.values()) == 200
    assert counts["train"] > counts["eval"] > 0
    assert list(written.glob("Transform/transform_graph/*/transform_fn/saved_model.pb"))


def test_another_format_is_refused():
    with pytest.raises(InputError) as caught:
        ExampleGen("data", "json")
    assert (caught.value.key, caught.value.received) == ("file_format", "'json'")


def test_parquet_has_its_own_reader(tmp_path):
    pq.write_table(pa.table({"x": [0]}), tmp_path / "rows.parquet")
    node = ExampleGen(str(tmp_path), "parquet")
    assert node.executor_spec.executor_class.__name__ == "ParquetExecutor"
