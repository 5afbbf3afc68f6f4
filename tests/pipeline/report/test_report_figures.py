"""The figures of a run: what they show, and their notes on what they leave out."""

import math

import evaluation_reports
import numpy as np
import pytest
from evaluation_reports import slice_row

from huberflow.components.contracts.model_config import ObjectChoice
from huberflow.components.contracts.predictions import PredictedRow, write_predictions
from huberflow.pipeline.history.run_history import Epoch
from huberflow.pipeline.report.prediction_figures import (
    ClassSample,
    NumberSample,
    confusion_matrix,
    huber_threshold,
    predicted_against_true,
    read_classes,
    read_numbers,
    reliability,
    residuals,
)
from huberflow.pipeline.report.slice_figure import error_by_slice
from huberflow.pipeline.report.style import limits, png
from huberflow.pipeline.report.training_figure import training_curves

HUBER = ObjectChoice(name="HuberLoss", config={"threshold": 1.0})


def sample(label, prediction) -> NumberSample:
    return NumberSample(np.array(label, float), np.array(prediction, float))


def note(figure) -> str:
    return figure.axes[0].get_title(loc="left")


def legend(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def report(*rows):
    """A report whose overall huber is 2; each row is (value, size, baseline's value, slice)."""
    return evaluation_reports.report(
        *(slice_row(value, size, before, **key) for value, size, before, key in rows)
    )


def names(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


class TestLimits:
    def test_hold_all_values_of_an_even_sample(self):
        low, high = limits(np.linspace(2, 60, 100))
        assert -1 < low < 2
        assert 60 < high < 63

    def test_leave_out_what_is_far_out(self):
        assert limits(np.append(np.linspace(2, 60, 100), 1e9))[1] < 500

    def test_hold_the_labels_where_all_predictions_are_one(self):
        low, high = limits(np.linspace(2, 60, 100), np.full(100, 5.0))
        assert low < 2
        assert high > 60

    @pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e9])
    def test_around_one_value_have_some_width(self, value):
        low, high = limits(np.full(9, value))
        assert low < value < high


class TestPredictedAgainstTrue:
    def test_has_a_point_for_each_row_units_and_one_range(self):
        (axes,) = predicted_against_true(sample([1, 2, 3], [1, 2, 90]), "fare").axes
        assert len(axes.collections[0].get_offsets()) == 3
        assert axes.get_xlabel() == "true, in units of fare"
        assert axes.get_xlim() == axes.get_ylim()

    @pytest.mark.parametrize(
        ("label", "prediction", "text"),
        [
            ([1, 2, 3], [1, 2, 4], "3 rows of the eval split"),
            (
                [*range(100), 1e9],
                [*range(100), 5],
                "101 rows of the eval split, 1 of them beyond this view",
            ),
            (
                [1, 2, 3],
                [1, math.nan, math.inf],
                "1 row of the eval split, 2 more without a finite value",
            ),
        ],
    )
    def test_counts_the_points_in_view_and_the_others(self, label, prediction, text):
        assert note(predicted_against_true(sample(label, prediction), "fare")) == text


class TestResiduals:
    def test_mark_the_threshold_on_both_sides_and_the_share_inside(self):
        figure = residuals(sample([0, 0, 0, 0], [0.5, -0.9, 3, -4]), "fare", HUBER)
        assert legend(figure) == ["±1, where HuberLoss turns linear: 50.0% of rows inside"]
        assert {1.0, -1.0} <= {float(line.get_xdata()[0]) for line in figure.axes[0].lines}

    def test_of_another_loss_have_no_threshold(self):
        figure = residuals(sample([0, 1], [1, 3]), "fare", ObjectChoice(name="LogCosh"))
        assert legend(figure) == []

    @pytest.mark.parametrize(
        ("loss", "threshold"),
        [
            (ObjectChoice(name="HuberLoss", config={"threshold": 2.5}), 2.5),
            (ObjectChoice(name="HuberLoss"), 1.0),
            (ObjectChoice(name="Huber", config={"delta": 0.5}), 0.5),
            (ObjectChoice(name="Huber"), 1.0),
            (ObjectChoice(name="huber_fn"), 1.0),
            (ObjectChoice(name="MeanSquaredError"), None),
        ],
    )
    def test_threshold_is_that_of_the_loss(self, loss, threshold):
        assert huber_threshold(loss) == threshold


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("label", "prediction"),
    [
        ([], []),
        ([3], [1e9]),
        ([5, 5, 5], [5, 5, 5]),
        ([1, 2, 3], [5, 5, 5]),
        ([1, 2], [math.nan, math.nan]),
    ],
    ids=["no rows", "one, far off", "all the same", "constant predictions", "no finite one"],
)
def test_odd_samples_are_drawn_without_a_warning(label, prediction):
    odd = sample(label, prediction)
    for figure in (predicted_against_true(odd, "$fa$re"), residuals(odd, "<b>", HUBER)):
        assert png(figure).startswith(b"\x89PNG")


class TestErrorBySlice:
    @pytest.mark.parametrize(
        ("direction", "places"),
        [
            ("lower", ["hour=7  (2,978)", "hour=3  (400)"]),
            ("higher", ["hour=3  (400)", "hour=7  (2,978)"]),
        ],
    )
    def test_the_worst_stands_first_with_its_rows(self, direction, places):
        rows = [(1.0, 400, None, {"hour": 3}), (4.0, 2978, None, {"hour": 7})]
        figure = error_by_slice(report(*rows), "huber", direction)
        assert names(figure) == places
        assert note(figure).startswith("2 of 2 slices")

    def test_shows_twenty_of_many(self):
        many = report(*[(float(n), 100, None, {"hour": n}) for n in range(33)])
        figure = error_by_slice(many, "huber", "lower")
        assert len(names(figure)) == 20
        assert names(figure)[0] == "hour=32  (100)"
        assert note(figure).startswith("20 of 33 slices")

    def test_marks_the_baseline_and_all_rows(self):
        figure = error_by_slice(report((4.0, 50, 3.5, {"hour": 7})), "huber", "lower")
        assert {"last blessed model", "all rows 2", "this model"} == set(legend(figure))
        assert figure.axes[0].collections[0].get_offsets()[0].tolist() == [3.5, 0]

    def test_a_slice_of_few_rows_is_marked(self):
        figure = error_by_slice(report((4.0, 29, None, {"hour": 7})), "huber", "lower")
        assert "fewer than 30 rows: little evidence" in legend(figure)
        assert "this model" not in legend(figure)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(
        "rows",
        [[], [(math.nan, 50, None, {"hour": 7})], [(1e9, 50, None, {"$a$ <script>": "ça\nva $"})]],
    )
    def test_odd_slices_are_drawn_without_a_warning(self, rows):
        assert png(error_by_slice(report(*rows), "huber", "lower")).startswith(b"\x89PNG")


CLASSES = ["ant", "$bee$", "<cat>"]


def classified(*rows) -> ClassSample:
    """Each row is its class, the predicted one, and the probability of an ant."""
    label, prediction, ant = zip(*rows, strict=True) if rows else ([], [], [])
    rows = [PredictedRow("", {"probability_ant": probability}, {}) for probability in ant]
    return ClassSample(np.array(label, str), np.array(prediction, str), rows)


class TestConfusionMatrix:
    ROWS = (("ant", "ant", 0.9), ("ant", "ant", 0.8), ("ant", "$bee$", 0.3), ("<cat>", "ant", 0.6))

    def test_counts_how_many_of_each_class_are_predicted_as_which(self):
        figure = confusion_matrix(classified(*self.ROWS), "kind", CLASSES)
        cells = {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}
        filled = {(0, 0): "2", (0, 1): "1", (2, 0): "1"}
        assert {place: text for place, text in cells.items() if text != "0"} == filled
        assert len(cells) == 9
        assert names(figure) == ["ant", r"\$bee\$", "<cat>"]
        assert note(figure) == "4 rows of the eval split"

    def test_of_many_classes_has_no_numbers(self):
        many = [f"c{place}" for place in range(21)]
        assert not confusion_matrix(classified(("c1", "c2", 0.5)), "kind", many).axes[0].texts


class TestReliability:
    def test_shows_how_often_a_row_is_of_the_class_by_its_probability(self):
        rows = [("ant", "", 0.91), ("bee", "", 0.99), ("bee", "", 0.1), ("ant", "", 1.0)]
        points = reliability(classified(*rows), "kind", "ant").axes[0].collections[0]
        assert points.get_offsets().tolist() == [
            [pytest.approx(0.1), 0.0],
            [pytest.approx((0.91 + 0.99 + 1.0) / 3), pytest.approx(2 / 3)],
        ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [[], [("ant", "ant", 1.0)]])
def test_odd_samples_of_classes_are_drawn_without_a_warning(rows):
    odd = classified(*rows)
    for figure in (confusion_matrix(odd, "$k$", CLASSES), reliability(odd, "<b>", "ant")):
        assert png(figure).startswith(b"\x89PNG")


class TestTrainingCurves:
    EPOCHS = (
        Epoch(1, 0.0, {"loss": 3.0, "val_loss": 2.0, "learning_rate": 0.1, "mae": 1.0}),
        Epoch(2, 1.0, {"loss": 2.0, "val_loss": 1.5, "learning_rate": 0.1, "mae": 0.9}),
        Epoch(3, 2.0, {"loss": 1.0, "val_loss": 1.7, "learning_rate": 0.1, "mae": 0.8}),
    )

    def test_names_the_best_epoch_and_has_a_panel_for_each_metric_the_learning_rate_last(self):
        figure = training_curves(self.EPOCHS)
        assert legend(figure) == ["train", "validation, lowest 1.5 in epoch 2"]
        loss, *others = figure.axes
        assert loss.get_ylabel() == "loss"
        assert [axes.get_title(loc="left") for axes in others] == ["mae", "learning rate"]

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("metrics", range(7))
    def test_are_drawn_with_any_number_of_metrics(self, metrics):
        values = {"loss": math.nan, "val_loss": math.nan}
        values |= {f"metric{n}": 1.0 for n in range(metrics)}
        figure = training_curves([Epoch(1, 0.0, values)])
        assert len(figure.axes) == 1 + metrics
        assert png(figure).startswith(b"\x89PNG")


class TestSample:
    @pytest.fixture
    def file(self, tmp_path):
        def file(*rows: PredictedRow):
            write_predictions(rows, tmp_path / "predictions.jsonl")
            return tmp_path / "predictions.jsonl"

        return file

    def test_a_prediction_that_is_missing_is_not_finite(self, file):
        predictions = (5.0, None, math.nan)
        path = file(*(PredictedRow(5.25, {"prediction": each}, {}) for each in predictions))
        assert "NaN" not in path.read_text()
        assert len(read_numbers(path).label) == 3
        assert read_numbers(path).finite().prediction.tolist() == [5.0]

    def test_of_one_of_several_labels(self, file):
        row = PredictedRow({"a": 1, "b": 2}, {"prediction_a": 3, "prediction_b": 4}, {})
        sample = read_numbers(file(row), "b")
        assert (sample.label.tolist(), sample.prediction.tolist()) == ([2.0], [4.0])

    def test_of_classes(self, file):
        sample = read_classes(
            file(PredictedRow("a", {"prediction": "b", "probability_a": 0.25}, {}))
        )
        assert (sample.label.tolist(), sample.prediction.tolist()) == (["a"], ["b"])
        assert sample.probability("a").tolist() == [0.25]
