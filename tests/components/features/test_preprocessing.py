"""The features of raw rows, by a real analysis of eight rows."""

from __future__ import annotations

import functools
import json
import math
import statistics

import apache_beam as beam
import judging
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from benchmarks.quality import features as benchmark
from huberflow.components.contracts.booleans import word_of
from huberflow.components.contracts.features import (
    INDICES,
    NUMBERS,
    TRUTH,
    VOCABULARY,
    WEIGHT,
    FeaturesConfig,
)
from huberflow.components.contracts.node_config import TransformConfig
from huberflow.components.contracts.target import Target
from huberflow.components.evaluation import labels
from huberflow.components.features.preprocessing import is_labelled, preprocessing_fn, truth
from huberflow.components.training import rows as training_rows
from huberflow.custom_objects.input_error import InputError

CONFIG = {
    "features": {
        "numeric": ["miles", "seconds", "never"],
        "categorical": ["company", "area"],
        "cyclic": {"hour": 24.0, "day": 7.0},
        "dates": {"picked_up": "YYYY-MM-DD hh:mm"},
        "amounts": {"tip": "$1,234.56"},
        "boolean": ["paid"],
        "vocabulary_size": 9,
        "bins": 2,
    },
    "label": "fare",
    "weight": "trips",
    "classes": [],
    "missing": ["unknown"],
    "source": {},
}
TYPES = {
    "miles": tf.float32,
    "seconds": tf.int64,
    "never": tf.float32,
    "company": tf.string,
    "area": tf.int64,
    "hour": tf.int64,
    "day": tf.float32,
    "picked_up": tf.string,
    "paid": tf.string,
    "tip": tf.string,
    "fare": tf.float32,
    "trips": tf.int64,
    "unused": tf.float32,
}
NOTHING = dict.fromkeys(TYPES)
LARGE = 2**53 + 1
"""A float64 may only be the number before it."""

MILES = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]
TRAIN = [
    {**NOTHING, "fare": 5.0, "miles": MILES[0], "company": "Blue", "area": 8, "hour": 0},
    {**NOTHING, "fare": 6.0, "miles": MILES[1], "company": "Blue", "area": 8, "hour": 6},
    {**NOTHING, "fare": 7.0, "miles": MILES[2], "company": "Blue", "area": 8, "hour": 12},
    {**NOTHING, "fare": 8.0, "miles": MILES[3], "company": "City", "area": LARGE, "seconds": 10},
    {**NOTHING, "fare": 9.0, "miles": MILES[4], "company": "City", "area": LARGE, "seconds": 30},
    {**NOTHING, "fare": 1e6, "miles": MILES[5], "company": "Rare", "area": 5, "day": 1.75},
    {**NOTHING, "fare": 0.5, "miles": MILES[6], "unused": 1.0, "picked_up": "2024-05-13 06:00"},
    {**NOTHING, "fare": 3.25, "picked_up": "2024-05-15 06:00"},
]
TIPS = ["$1,000", "$3,000", "-$2,000", "($2,000)", "free", "€5", "", None]
PAID = ["true", "True", "yes", "false", "FALSE", "f", "NA", None]
for _trips, _row in enumerate(TRAIN):
    _row |= {"trips": _trips, "paid": PAID[_trips], "tip": TIPS[_trips]}


def write(row: dict) -> dict:
    """A raw row as a sparse instance: a list of what is there."""
    return {
        name: [] if value is None else [value.encode() if isinstance(value, str) else value]
        for name, value in row.items()
    }


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """The analysis of TRAIN: its folder, and the rows as they came out of it, in any order."""
    root = tmp_path_factory.mktemp("transform")
    spec = {name: tf.io.VarLenFeature(dtype) for name, dtype in TYPES.items()}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    options = beam.pipeline.PipelineOptions(
        ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]
    )
    with (
        tft_beam.Context(temp_dir=str(root / "tmp")),
        beam.Pipeline(options=options) as pipeline,
    ):
        rows = pipeline | beam.Create([write(row) for row in TRAIN])
        (found, _), transform = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(
            functools.partial(preprocessing_fn, custom_config=CONFIG)
        )
        _ = transform | tft_beam.WriteTransformFn(str(root / "graph"))
        raw_metadata = root / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR
        _ = metadata | tft_beam.WriteMetadata(str(raw_metadata), pipeline)
        _ = (
            found
            | beam.Map(lambda row: json.dumps({k: np.asarray(v).tolist() for k, v in row.items()}))
            | beam.io.WriteToText(str(root / "rows"), shard_name_template="")
        )
    lines = (root / "rows").read_text().splitlines()
    return str(root / "graph"), [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def transform(analysed):
    """Transforms rows as the exported model does: by TFT's layer, with TRAIN's statistics."""
    output = tft.TFTransformOutput(analysed[0])
    layer = output.transform_features_layer()

    def transform(*rows: dict) -> dict[str, np.ndarray]:
        columns = {}
        for name, dtype in TYPES.items():
            there = [(place, row[name]) for place, row in enumerate(rows) if row[name] is not None]
            columns[name] = tf.SparseTensor(
                np.array([(place, 0) for place, _ in there], np.int64).reshape(-1, 2),
                tf.constant([value for _, value in there], dtype),
                (len(rows), 1),
            )
        return named({name: values.numpy() for name, values in layer(columns).items()})

    transform.output = output
    return transform


def named(found: dict) -> dict[str, np.ndarray]:
    """The tensors by what each of their columns means, as `components.contracts.features` says."""
    features = TransformConfig.from_json(CONFIG).features
    numeric = [*features.numeric, *features.amounts, "days"]
    cyclic = [*features.cyclic, "weekday", "day_of_year", "hours"]
    names = [
        *(f"{c}_value" for c in numeric),
        *(f"{c}_missing" for c in numeric),
        *(f"{c}_sine" for c in cyclic),
        *(f"{c}_cosine" for c in cyclic),
        *(f"{c}_bin_{number}" for c in numeric for number in range(features.bins)),
    ]
    numbers, indices = np.atleast_2d(found[NUMBERS]), np.atleast_2d(found[INDICES])
    assert numbers.shape[1] == features.numbers == len(names)
    return {
        **dict(zip(names, numbers.T, strict=True)),
        **dict(zip((f"{c}_index" for c in features.embedded), indices.T, strict=True)),
        **{name: np.atleast_1d(found[name]) for name in (TRUTH, WEIGHT)},
    }


def of(**values) -> dict:
    """A raw row where all else is missing."""
    return {**NOTHING, **values}


class TestNumbers:
    def test_are_standardised(self, transform):
        values = transform(*TRAIN[:7])["miles_value"]
        mean, deviation = statistics.fmean(MILES), statistics.pstdev(MILES)
        np.testing.assert_allclose(values, [(m - mean) / deviation for m in MILES], rtol=1e-5)

    def test_missing_is_the_mean_and_marked(self, transform):
        found = transform(of(), of(miles=statistics.fmean(MILES)))
        np.testing.assert_allclose(found["miles_value"], [0, 0], atol=1e-6)
        assert list(found["miles_missing"]) == [1, 0]

    def test_missing_values_have_no_part_in_the_mean(self, transform):
        """Only two rows have seconds: 10 and 30."""
        found = transform(of(seconds=10), of(seconds=20), of(seconds=30))
        np.testing.assert_allclose(found["seconds_value"], [-1, 0, 1], atol=1e-6)
        assert found["seconds_value"].dtype == np.float32

    def test_a_column_never_seen_in_training_is_no_nan_in_serving(self, transform):
        found = transform(of(never=3.0), of())
        assert np.isfinite(found["never_value"]).all()
        assert list(found["never_missing"]) == [0, 1]


class TestAmounts:
    """Only four rows have one: 1,000, 3,000, and twice -2,000, with a mean of 0."""

    def test_are_numbers(self, transform):
        found = transform(of(tip="0"), of(tip="$2,121.32"), of(tip="(2,121.32)"))
        np.testing.assert_allclose(found["tip_value"], [0, 1, -1], atol=1e-5)
        assert list(found["tip_missing"]) == [0, 0, 0]

    @pytest.mark.parametrize("text", ["", "free", "€5", "1.000,00", "NA"])
    def test_other_text_is_missing(self, transform, text):
        found = transform(of(tip=text))
        assert (found["tip_value"][0], found["tip_missing"][0]) == (0, 1)


class TestBins:
    """Two intervals between three quantiles; those of ``miles``: 3, 5 and 9."""

    def test_are_filled_from_below(self, transform):
        found = transform(*(of(miles=miles) for miles in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0)))
        np.testing.assert_allclose(found["miles_bin_0"], [0, 0, 0, 0.5, 1, 1, 1])
        np.testing.assert_allclose(found["miles_bin_1"], [0, 0, 0, 0, 0, 0.25, 1])

    def test_of_a_missing_value_are_empty(self, transform):
        found = transform(of())
        assert [found[f"{name}_bin_{n}"][0] for name in ("miles", "seconds") for n in (0, 1)] == [
            0
        ] * 4

    def test_of_a_column_never_seen_in_training_are_finite(self, transform):
        found = transform(of(never=3.0), of())
        assert np.isfinite([found["never_bin_0"], found["never_bin_1"]]).all()

    def test_the_benchmark_makes_the_same_features_in_numpy(self, transform):
        config = {"features": {**CONFIG["features"], "dates": {}, "amounts": {}}}
        used = FeaturesConfig.from_json(config["features"])
        rows = pd.DataFrame(TRAIN).assign(paid=[each and word_of(each) for each in PAID])
        made = benchmark.transform(rows, np.arange(len(TRAIN)), used)
        real = transform(*TRAIN)
        numeric, cyclic = ("miles", "seconds", "never"), ("hour", "day")
        names = [
            *(f"{c}_value" for c in numeric),
            *(f"{c}_missing" for c in numeric),
            *(f"{c}_sine" for c in cyclic),
            *(f"{c}_cosine" for c in cyclic),
            *(f"{c}_bin_{n}" for c in numeric for n in (0, 1)),
        ]
        expected = np.stack([real[name] for name in names], axis=1)
        np.testing.assert_allclose(made.tensors[NUMBERS], expected, atol=1e-5)
        places = [real[f"{c}_index"] for c in ("company", "area", "paid")]
        assert made.tensors[INDICES].tolist() == np.stack(places, axis=1).tolist()
        assert made.table_rows == 10


class TestCategories:
    """Entries seen twice or more fill the vocabulary of nine; the others are unknown."""

    UNKNOWN = 9
    OFTEN = ("company=Blue", "area=8", "paid=true", "paid=false")

    def test_each_known_value_of_each_column_has_a_row_of_its_own(self, transform):
        found = transform(of(company="Blue", area=8), of(company="City", area=LARGE), of())
        rows = [*found["company_index"], *found["area_index"]]
        assert len({*rows} - {self.UNKNOWN}) == 6

    def test_the_most_frequent_come_first(self, transform):
        found = transform(of(company="Blue", area=8))
        assert max(found["company_index"][0], found["area_index"][0]) < len(self.OFTEN)

    @pytest.mark.parametrize("company", ["Rare", "New", "blue", "Blue "])
    def test_rare_and_unseen_values_share_the_row_after_the_vocabulary(self, transform, company):
        assert transform(of(company=company))["company_index"][0] == self.UNKNOWN
        assert {*transform(of(area=5), of(area=-1))["area_index"]} == {self.UNKNOWN}

    def test_the_vocabulary_can_be_read(self, transform):
        assert transform.output.vocabulary_size_by_name(VOCABULARY) == self.UNKNOWN
        entries = transform.output.vocabulary_by_name(VOCABULARY)
        assert set(entries) == {
            b"company=Blue",
            b"company=City",
            b"company=",
            b"area=8",
            f"area={LARGE}".encode(),
            b"area=",
            b"paid=true",
            b"paid=false",
            b"paid=",
        }

    def test_a_text_that_the_config_names_is_a_missing_value(self, transform):
        found = transform(of(company="unknown"), of())["company_index"]
        assert found[0] == found[1] != self.UNKNOWN

    def test_whole_numbers_that_no_float_can_be_are_known(self, transform):
        features = TransformConfig.from_json(CONFIG).features
        assert training_rows.exact_columns(transform.output, features) == ["area"]
        assert transform(of(area=LARGE - 1))["area_index"][0] == self.UNKNOWN

    @pytest.mark.parametrize(
        ("spellings", "entry"),
        [
            (["true", "True", "TRUE", " t", "T", "yes", "Y", "1", "1.0"], "paid=true"),
            (["false", "False", "FALSE", "F", "no ", "n", "0", "0.0"], "paid=false"),
            (["truth", "2", "NA", "?", None], "paid="),
        ],
    )
    def test_a_boolean_is_the_same_in_any_spelling_and_missing_in_words(
        self, transform, spellings, entry
    ):
        found = transform(*(of(paid=spelling) for spelling in spellings))["paid_index"]
        entries = [each.decode() for each in transform.output.vocabulary_by_name(VOCABULARY)]
        assert {entries[place] for place in found} == {entry}


@pytest.mark.parametrize(
    "change", [{"features": {**CONFIG["features"], "numeric": ["miles", "x"]}}, {"weight": "x"}]
)
def test_a_column_that_the_data_lack_is_an_error(change):
    with pytest.raises(InputError) as caught:
        preprocessing_fn(dict.fromkeys(TYPES), {**CONFIG, **change})
    assert caught.value.received == "x"
    assert all(column in caught.value.expected for column in ("miles", "trips"))


class TestCyclic:
    @pytest.mark.parametrize(
        ("hour", "sine", "cosine"),
        [(0, 0, 1), (6, 1, 0), (12, 0, -1), (18, -1, 0), (24, 0, 1), (30, 1, 0)],
    )
    def test_is_a_point_on_the_circle(self, transform, hour, sine, cosine):
        found = transform(of(hour=hour))
        np.testing.assert_allclose(found["hour_sine"], [sine], atol=1e-5)
        np.testing.assert_allclose(found["hour_cosine"], [cosine], atol=1e-5)

    def test_has_a_period_of_its_own_and_is_the_centre_where_missing(self, transform):
        found = transform(of(day=1.75))
        np.testing.assert_allclose(found["day_sine"], [1], atol=1e-6)
        assert (found["hour_sine"][0], found["hour_cosine"][0]) == (0, 0)


class TestDates:
    def test_days_are_a_number_like_others(self, transform):
        found = transform(
            of(picked_up="2024-05-13 06:00"), of(picked_up="2024-05-15 06:00:30"), of()
        )
        np.testing.assert_allclose(found["days_value"], [-1, 1, 0], atol=1e-3)
        assert list(found["days_missing"]) == [0, 0, 1]

    def test_periodic_parts_are_on_a_circle(self, transform):
        monday_morning, sunday_night = (
            of(picked_up="2024-05-13 06:00"),
            of(picked_up="2024-05-19 18:00"),
        )
        found = transform(monday_morning, sunday_night, of())
        np.testing.assert_allclose(found["hours_sine"], [1, -1, 0], atol=1e-5)
        sunday = 6 / 7 * 2 * math.pi
        np.testing.assert_allclose(found["weekday_sine"], [0, math.sin(sunday), 0], atol=1e-5)
        assert found["day_of_year_cosine"][2] == 0

    def test_what_is_no_date_is_missing(self, transform):
        found = transform(of(picked_up="soon"), of())
        for name in ("days_value", "days_missing", "weekday_sine", "hours_cosine"):
            assert found[name][0] == found[name][1]


class TestLabel:
    def test_is_as_it_was(self, transform):
        np.testing.assert_array_equal(transform(*TRAIN)[TRUTH], [row["fare"] for row in TRAIN])

    def test_missing_is_nan_and_never_a_number(self, transform):
        assert math.isnan(transform(of())[TRUTH][0])

    def test_has_no_part_in_any_feature(self, transform):
        rows = [{**row, "fare": None} for row in TRAIN]
        with_label, without = transform(*TRAIN), transform(*rows)
        for name in with_label.keys() - {TRUTH}:
            np.testing.assert_array_equal(with_label[name], without[name])


class TestTruth:
    """Of what no analysis is needed for."""

    def truth(self, target, *rows):
        types = {"kind": tf.string, "code": tf.int64, "share": tf.float32}
        spec = {name: tf.io.VarLenFeature(kind) for name, kind in types.items()}
        raw = tf.io.parse_example([judging.example(types, row) for row in rows], spec)
        return truth(raw, target)

    def test_of_classes_is_their_place_and_none_where_it_is_none_of_them(self):
        rows = [{"kind": "b"}, {"kind": "a"}, {"kind": "c"}, {"kind": ""}, {}]
        found = self.truth(Target(("kind",), ("a", "b")), *rows)
        np.testing.assert_array_equal(found, np.float32([1, 0, *[math.nan] * 3]))

    @pytest.mark.parametrize(("column", "number"), [("code", int), ("share", float)])
    def test_classes_may_be_whole_numbers_however_large(self, column, number):
        rows = [{column: number(7)}, {column: number(-1)}, {column: number(8)}, {}]
        found = self.truth(Target((column,), ("7", "-1")), *rows)
        np.testing.assert_array_equal(found, np.float32([0, 1, math.nan, math.nan]))
        near = self.truth(Target(("code",), ("16777216", "16777217")), {"code": 16_777_217})
        assert near.numpy() == [1.0]

    def test_of_several_labels_is_a_row_of_them(self):
        rows = [{"code": 3, "share": 0.5}, {"code": 3}]
        found = self.truth(Target(("share", "code")), *rows)
        np.testing.assert_array_equal(found, np.float32([[0.5, 3], [math.nan, 3]]))
        assert is_labelled(found).numpy().tolist() == [True, False]

    def test_is_the_same_for_the_evaluator(self):
        """Which reads columns of Arrow."""
        batch = pa.RecordBatch.from_pydict(
            {
                "kind": pa.array(
                    [[b"b"], [b"a"], [b"c"], [b"b"], None], pa.large_list(pa.binary())
                ),
                "row": pa.array([1, 2, 3, 4, 5]),
            }
        )
        found = labels.labelled_rows(batch, Target(("kind",), ("a", "b")))
        assert found["row"].to_pylist() == [1, 2, 4]
        assert found[labels.TRUTH].to_pylist() == [[1.0], [0.0], [1.0]]


class TestWeight:
    def test_is_as_it_was_in_floats(self, transform):
        found = transform(of(trips=3), of(trips=0), of())[WEIGHT]
        np.testing.assert_array_equal(found, np.float32([3, 0, math.nan]))

    def test_has_no_part_in_any_feature(self, transform):
        with_weight, without = transform(of(miles=1.0, trips=9)), transform(of(miles=1.0))
        for name in with_weight.keys() - {WEIGHT}:
            np.testing.assert_array_equal(with_weight[name], without[name])


class TestOutput:
    def test_is_what_the_config_names_and_no_more(self, transform):
        spec = transform.output.transformed_feature_spec()
        assert set(spec) == {NUMBERS, INDICES, TRUTH, WEIGHT}

    def test_is_the_same_in_training_and_in_serving(self, analysed, transform):
        _, written = analysed
        served = transform(*TRAIN)
        assert len(written) == len(TRAIN)
        for row in map(named, written):
            (place,) = np.flatnonzero(served[TRUTH] == row[TRUTH])
            for name, value in row.items():
                assert served[name][place] == pytest.approx(value[0], abs=1e-6), name

    def test_statistics_come_from_the_analysed_rows_alone(self, transform):
        """Beside an extreme row a value means what it meant before."""
        alone = transform(of(miles=3.0, company="Blue"))
        beside = transform(of(miles=3.0, company="Blue"), *[of(miles=1e9, company="New")] * 9)
        assert alone["miles_value"][0] == beside["miles_value"][0]
        assert alone["company_index"][0] == beside["company_index"][0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """TRAIN in two files, the second one written first."""
    folder = tmp_path_factory.mktemp("examples")
    for file, rows in (("b.gz", TRAIN[5:]), ("a.gz", TRAIN[:5])):
        with tf.io.TFRecordWriter(str(folder / file), "GZIP") as writer:
            for row in rows:
                writer.write(example(row))
    return [str(folder / "*.gz")]


def example(row: dict) -> bytes:
    feature = {}
    for name, values in write(row).items():
        if TYPES[name] == tf.string:
            kind = {"bytes_list": tf.train.BytesList(value=values)}
        elif TYPES[name] == tf.int64:
            kind = {"int64_list": tf.train.Int64List(value=values)}
        else:
            kind = {"float_list": tf.train.FloatList(value=values)}
        feature[name] = tf.train.Feature(**kind)
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


class TestTrainersDataset:
    """The same rows as the Trainer reads them, from files of raw examples."""

    FARES = tuple(row["fare"] for row in TRAIN)

    @pytest.fixture
    def rows(self, files, transform, tmp_path):
        layer = transform.output.transform_features_layer()
        config = TransformConfig.from_json(CONFIG)
        return training_rows.blocks(files, transform.output, layer, config, str(tmp_path / "cache"))

    def labels(self, rows) -> list[float]:
        return [fare for _, labels, _ in rows for fare in labels.numpy().tolist()]

    def test_are_in_the_order_of_the_files_also_from_the_cache(self, rows):
        assert self.labels(rows) == list(self.FARES)
        assert self.labels(rows) == list(self.FARES)

    def test_are_shuffled_in_an_order_that_repeats_with_the_seed(self, rows):
        first, again = (self.labels(training_rows.shuffled(rows, seed=5)) for _ in range(2))
        other = self.labels(training_rows.shuffled(rows, seed=6))
        assert first == again
        assert first != other
        mixed = training_rows.shuffled(rows, seed=5)
        assert self.labels(mixed) != self.labels(mixed), "the same order in every epoch"
        assert first != list(self.FARES)
        assert sorted(first) == sorted(self.FARES)

    def test_have_the_features_beside_their_label_and_weight(self, rows, transform):
        expected = transform(*TRAIN)
        for features, label, weight in training_rows.shuffled(rows, seed=5):
            found = named({**features, TRUTH: label, WEIGHT: weight})
            places = [self.FARES.index(fare) for fare in label.numpy()]
            for name, values in found.items():
                np.testing.assert_allclose(values, expected[name][places], atol=1e-6)
