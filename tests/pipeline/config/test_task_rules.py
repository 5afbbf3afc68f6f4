"""What a task decides of a config, and what is refused beside it."""

import pytest
from click.testing import CliRunner

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.resolve import resolved_run
from huberflow.pipeline.resolve.resolved_run import load, resolve_config

ROWS = 120


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """Flowers by sizes, kind and age class; a few lack one."""
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    rows = ["length,width,depth,kind,tall,age"]
    for n in range(ROWS):
        kind = ["iris", "lily", "rose", ""][n % 4 if n < 20 else n % 3]
        depth = "" if n % 10 == 1 else f"{n % 17 + 0.5}"
        length = "" if n % 10 < 2 else f"{n * 0.37 % 5:.2f}"
        rows.append(f"{length},{n * 0.73 % 3:.2f},{depth},{kind},{n % 2},{n % 5}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def resolved(flowers):
    return lambda label, *settings: resolve_config(None, [f"data.path={flowers}", label, *settings])


@pytest.fixture
def config(resolved):
    return lambda *settings: resolved(*settings).config


def refusal(*settings):
    with pytest.raises(InputError) as caught:
        load(None, settings)
    return caught.value


def keys(config):
    return [metric.key for metric in config.evaluation.metrics]


class TestDefaults:
    def test_of_two_classes(self, config):
        found = config("data.label=tall")
        assert (found.model.task, found.data.classes) == ("binary", ("0", "1"))
        assert found.training.loss.name == "BinaryCrossentropy"
        assert keys(found) == ["log_loss", "accuracy", "auc", "pr_auc"]
        assert found.evaluation.gate[0].metric == "log_loss"
        assert found.model.label_scale == "none"

    @pytest.mark.parametrize(("label", "metric"), [("tall", "auc"), ("kind", "balanced_accuracy")])
    def test_of_weighted_classes_judge_by_what_weights_do_not_make_worse(
        self, config, label, metric
    ):
        found = config(f"data.label={label}", "training.class_weight=balanced").evaluation
        (bound,) = found.gate
        assert (bound.metric, bound.max_increase, bound.max_decrease) == (metric, None, 0.1)
        assert metric in [each.key for each in found.metrics]

    def test_of_several_classes(self, config):
        found = config("data.label=kind")
        assert (found.model.task, found.data.classes) == ("multiclass", ("iris", "lily", "rose"))
        assert found.training.loss.name == "SparseCategoricalCrossentropy"
        assert keys(found) == ["log_loss", "accuracy"]

    def test_of_several_labels(self, config):
        found = config("data.label=[length, depth]")
        assert (found.model.task, found.data.labels) == ("regression", ("length", "depth"))
        assert found.model.label_scale == "standard"
        assert set(found.features.columns()) == {"width", "kind", "tall", "age"}

    def test_are_a_config_that_loads_to_the_same(self, config, tmp_path):
        for label in ("kind", "tall", "[length, depth]"):
            found = config(f"data.label={label}")
            (tmp_path / "my.yaml").write_text(to_yaml(found))
            assert load(tmp_path / "my.yaml") == found


class TestTheUserHasTheLastWord:
    def test_on_whole_numbers(self, config):
        assert config("data.label=age").model.task == "regression"
        found = config("data.label=age", "model.task=multiclass")
        assert found.data.classes == ("0", "1", "2", "3", "4")
        assert config("data.label=tall", "model.task=regression").data.classes == ()

    def test_on_the_classes_and_their_order(self, config):
        found = config("data.label=kind", "data.classes=[rose, iris]", "model.task=binary")
        assert found.data.classes == ("rose", "iris")
        assert found.training.loss.name == "BinaryCrossentropy"
        assert found.data.rows_without_label == 38 + 5  # the lilies, and those of no kind

    def test_and_it_is_a_change(self, resolved):
        found = resolved("data.label=age", "model.task=multiclass")
        changes = resolved_run.changes(found)
        assert changes.keys() == {"data.path", "data.label", "model.task"}

    @pytest.mark.parametrize(
        ("classes", "task"), [("rose, iris", "binary"), ("lily, rose, iris", "multiclass")]
    )
    def test_on_the_classes_from_which_the_task_follows(self, config, classes, task):
        found = config("data.label=kind", f"data.classes=[{classes}]")
        assert found.model.task == task

    def test_on_the_classes_of_whole_numbers(self, config):
        assert config("data.label=age", "data.classes=[1, 0, 2]").model.task == "multiclass"


class TestWarnings:
    def test_rows_that_lack_any_label_are_counted(self, resolved):
        warnings = resolved("data.label=[length, depth]").warnings()
        assert "dropped: 24 rows without length or depth" in warnings

    def test_few_whole_numbers_may_be_classes(self, resolved):
        warnings = resolved("data.label=age").warnings()
        assert any(line.endswith("write: --set model.task=multiclass") for line in warnings)


BINARY = "model.task=binary; data.classes=[a, b]"

# --set, parted by `;` | key | a part of what was expected | received | a part of what to write
WRONG = [
    [part.strip() for part in row.split("|")]
    for row in f"""
model.task=binary | data.classes | two for model.task=binary | none | [bad, good]
model.task=binary; data.classes=[a, b, c] | data.classes | two | a, b, c | model.task=multiclass
data.classes=[a, b] | data.classes | none for model.task=regression | a, b | model.task=binary
model.task=binary; data.classes=[a, a] | data.classes | each once | a, a |
{BINARY}; model.label_scale=log | model.label_scale | none for classes | 'log' | label_scale=none
training.class_weight=balanced | training.class_weight | null for numbers | balanced | =null
{BINARY}; training.class_weight={{c: 2, b: 1}} | training.class_weight | (a, b) | c |
{BINARY}; training.class_weight={{a: 0}} | training.class_weight | > 0 | {{a: 0}} | balanced
{BINARY}; training.class_weight={{a: true}} | training.class_weight | > 0 | true | balanced
{BINARY}; training.class_weight=even | training.class_weight | balanced, or | even | =balanced
{BINARY}; model.threshold={{aim: recall}} | model.threshold.at_least | a share | none | 0.9
{BINARY}; model.threshold={{aim: f1, at_least: 0.5}} | model.threshold.at_least | null | 0.5 | f1
training.metrics=[{{name: AUC}}] | training.metrics.0.name | a metric for regression | 'AUC' | Huber
{BINARY}; data.label=[a, b] | data.label | one column for model.task=binary | a, b | --label a
data.label=[tips, tips] | data.label | columns, each once | [tips, tips] |
data.label=[] | data.label | columns, each once | [] |
data.label=[tips, trip_miles] | data.label | a column that is no feature | 'trip_miles' |
data.label=[a, b]; evaluation.gate=[{{metric: calibration, upper_bound: 2}}] | evaluation.gate \
 | calibration_a, calibration_b | 'calibration' |
evaluation.gate=[{{metric: huber, max_increase: 0.1, max_decrease: 0.1}}] | evaluation.gate.0 \
 | max_increase or max_decrease | both |
data.label=[a, b]; evaluation.metrics.0.key=mae_a | evaluation.metrics | different names | mae_a |
""".strip().splitlines()
]


@pytest.mark.parametrize(
    ("settings", "key", "expected", "received", "write"), WRONG, ids=[row[0] for row in WRONG]
)
def test_what_does_not_fit_is_refused(settings, key, expected, received, write):
    error = refusal(*settings.split("; "))
    assert error.key == key
    assert expected in error.expected
    assert received in error.received
    assert write in (error.write or "")


TWO = [*BINARY.split("; "), "training.metrics=[]"]
SEVERAL = [
    "model.task=multiclass",
    "data.classes=[a, b, c]",
    "training.metrics=[]",
    "evaluation.metrics=[{name: SparseCategoricalAccuracy, key: huber}]",
]


@pytest.mark.parametrize(
    "settings",
    [
        ["training.loss.name=SparseCategoricalCrossentropy"],
        ["training.metrics=[{name: AUC}]"],
        [*TWO, "training.loss.name=SparseCategoricalCrossentropy"],
        [*SEVERAL, "training.loss.name=HuberLoss"],
        [*SEVERAL, "training.loss.name=SparseCategoricalCrossentropy", "model.threshold={aim: f1}"],
    ],
)
def test_what_a_message_says_to_write_fits_the_task(settings):
    remedy = refusal(*settings).write.removeprefix("--set ")
    load(None, [*settings, remedy])


def test_several_labels_on_the_command_line(flowers):
    asked = ["config", "--data", str(flowers), "--label", "length", "--label", "depth"]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.stderr
    assert "label: [length, depth]" in done.stdout
