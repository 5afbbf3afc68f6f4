"""Statistics and findings of the data, as people read them."""

from dataclasses import replace

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from huberflow.components.contracts.validation_findings import Anomaly, Shift, ValidationFindings
from huberflow.pipeline.report import statistics
from huberflow.pipeline.report.files import findings_text


def numeric(name="miles", values=8, **changes):
    """A column of whole numbers in which ``values`` rows have one."""
    feature = pb.FeatureNameStatistics(type=pb.FeatureNameStatistics.FLOAT)
    feature.path.step.append(name)
    stats = feature.num_stats
    stats.common_stats.CopyFrom(
        pb.CommonStatistics(num_non_missing=10, max_num_values=1, tot_num_values=values)
    )
    measures = {"mean": 3.5, "std_dev": 1.25, "num_zeros": 2, "min": 0, "median": 3, "max": 10}
    for measure, value in {**measures, **changes}.items():
        setattr(stats, measure, value)
    histogram = stats.histograms.add(type=pb.Histogram.STANDARD)
    for low in range(0, int(stats.max), 5):
        histogram.buckets.add(low_value=low, high_value=low + 5, sample_count=10**low)
    return feature


def text(name="company", **frequencies):
    feature = pb.FeatureNameStatistics(type=pb.FeatureNameStatistics.STRING)
    feature.path.step.append(name)
    stats = feature.string_stats
    total = sum(frequencies.values())
    stats.common_stats.CopyFrom(
        pb.CommonStatistics(num_non_missing=total, max_num_values=1, tot_num_values=total)
    )
    stats.unique = len(frequencies)
    for value, frequency in frequencies.items():
        stats.top_values.add(value=value, frequency=frequency)
    return feature


@pytest.fixture
def artifact(tmp_path):
    """Writes StatisticsGen's artifact of some splits, 10 rows each."""

    def artifact(**splits):
        for split, features in splits.items():
            folder = tmp_path / f"Split-{split}"
            folder.mkdir()
            dataset = pb.DatasetFeatureStatistics(num_examples=10, features=features)
            found = pb.DatasetFeatureStatisticsList(datasets=[dataset])
            (folder / "FeatureStats.pb").write_bytes(found.SerializeToString())
        return tmp_path

    return artifact


class TestColumn:
    def of(self, folder):
        (column,) = statistics.read_statistics(folder).columns
        return column

    def test_of_numbers_has_their_measures(self, artifact):
        column = self.of(artifact(train=[numeric()]))
        assert (column.name, column.type) == ("miles", "float")
        assert column.measures == {
            "missing": ["20.0%"],
            "zeros": ["25.0%"],
            "mean": ["3.5"],
            "std": ["1.25"],
            "min": ["0"],
            "median": ["3"],
            "max": ["10"],
        }

    def test_without_any_value_claims_no_mean(self, artifact):
        column = self.of(artifact(train=[numeric(values=0, max=0)]))
        assert column.measures["missing"] == ["100.0%"]
        assert column.measures["mean"] == ["-"]
        assert column.histograms == []

    def test_has_a_value_for_each_split_train_first(self, artifact):
        folder = artifact(eval=[numeric(mean=9)], train=[numeric(mean=1)])
        assert list(statistics.read_statistics(folder).rows) == ["train", "eval"]
        assert self.of(folder).measures["mean"] == ["1", "9"]

    @pytest.mark.parametrize(
        ("train", "evaluation", "missing"),
        [([], [numeric("x")], ["-", "20.0%"]), ([numeric("x")], [text("x", a=3)], ["20.0%", "-"])],
        ids=["not_there", "of_another_type"],
    )
    def test_that_a_split_lacks_has_no_measures_there(self, artifact, train, evaluation, missing):
        column = self.of(artifact(train=train, eval=evaluation))
        assert column.measures["missing"] == missing

    def test_of_texts_has_their_shares_in_each_split(self, artifact):
        column = self.of(artifact(train=[text(Cash=8, Card=2)], eval=[text(Cash=1, None_=3)]))
        assert column.measures["unique"] == ["2", "2"]
        assert column.top_values == {"Cash": ["80.0%", "25.0%"], "Card": ["20.0%", "-"]}


class TestHistograms:
    def of(self, folder):
        return statistics.read_statistics(folder).columns[0].histograms

    def test_of_the_splits_share_one_range(self, artifact):
        train, evaluation = self.of(artifact(train=[numeric(max=20)], eval=[numeric(max=5)]))
        assert [bar.left for bar in train] == [0, 25, 50, 75]
        assert [(bar.left, bar.width) for bar in evaluation] == [(0, 25)]

    def test_show_a_tail_that_is_rare(self, artifact):
        ((common, rare),) = self.of(artifact(train=[numeric(max=10)]))
        assert rare.height == 100  # 100,000 rows
        assert 5 < common.height < 10  # 1 row

    def test_of_one_value_fill_the_box(self, artifact):
        feature = numeric()
        del feature.num_stats.histograms[0].buckets[:]
        feature.num_stats.histograms[0].buckets.add(low_value=3, high_value=3, sample_count=8)
        ((bar,),) = self.of(artifact(train=[feature]))
        assert (bar.left, bar.width, bar.height) == (0, 100, 100)


def test_no_statistics_where_there_are_no_splits(tmp_path):
    assert statistics.read_statistics(tmp_path) is None


class TestFindings:
    SKEW = Shift("skew", "fare", "jensen_shannon_divergence", 0.05, threshold=0.1)

    def test_of_data_that_fit_and_did_not_change(self):
        assert findings_text(ValidationFindings(shifts=(self.SKEW,))) == (
            "compared with the schema:\n  no anomalies\n\n"
            "drift, train rows compared with the last other data:\n  nothing to compare with\n\n"
            "skew, train rows compared with eval rows:\n  no column above its threshold\n"
        )

    def test_have_a_line_for_each_column(self):
        anomaly = Anomaly("pay", "expected Cash, received Card", ("eval",))
        drift = replace(self.SKEW, kind="drift", value=0.31)
        text = findings_text(ValidationFindings((anomaly,), (drift, self.SKEW)))
        assert "schema:\n  pay: expected Cash, received Card, in eval\n" in text
        assert "data:\n  fare: Jensen-Shannon 0.31 above 0.1\n" in text
