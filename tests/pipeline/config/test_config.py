"""What a user may write in a config, what wins, and what is said about a mistake."""

from __future__ import annotations

import contextlib
import re
import shlex
import string
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline import config
from huberflow.pipeline.config import Choice, Config
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.data import taxi
from huberflow.pipeline.resolve.resolved_run import load

DEFAULT_YAML = Path(config.__file__).with_name("default.yaml")

properties = settings(deadline=None, derandomize=True, max_examples=50)


@pytest.fixture
def write(tmp_path):
    """Writes a config file."""

    def write(text):
        path = tmp_path / "my.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(path=None, *settings: str) -> str:
    with pytest.raises(InputError) as caught:
        load(path, settings)
    return str(caught.value)


class TestShippedDefaults:
    def test_file_is_what_the_command_prints(self):
        assert DEFAULT_YAML.read_text() == to_yaml(Config()) == to_yaml(load())

    def test_file_is_the_default(self, tmp_path):
        (tmp_path / "copy.yaml").write_text(DEFAULT_YAML.read_text())
        assert load(tmp_path / "copy.yaml") == Config() == load()

    def test_every_key_is_explained(self):
        lines = to_yaml(Config()).splitlines()
        keys = [place for place, line in enumerate(lines) if re.match(r" *[a-z_]+:", line)]
        assert len(keys) > 30
        for place in keys:
            indent = re.match(" *", lines[place])[0]
            assert lines[place - 1].startswith(f"{indent}# "), f"no comment: {lines[place]}"

    def test_schema_describes_every_value(self):
        for name, definition in Config.model_json_schema()["$defs"].items():
            for key, value in definition["properties"].items():
                described = "description" in value or "$ref" in value
                assert described or name in ("Choice", "EvaluationMetric"), f"{name}.{key}"


class TestWhatWins:
    def test_file_over_default(self, write):
        config = load(write("training: {epochs: 5}"))
        assert config.training.epochs == 5
        assert config.training.batch_size == Config().training.batch_size

    def test_set_over_file(self, write):
        file = write("training: {epochs: 5, batch_size: 32}")
        training = load(file, ["training.epochs=7"]).training
        assert (training.epochs, training.batch_size) == (7, 32)

    def test_last_set_over_the_one_before(self):
        assert load(None, ["seed=1", "seed=2"]).seed == 2

    def test_one_argument_leaves_the_object(self):
        loss = load(None, ["training.loss.config.threshold=2.0"]).training.loss
        assert loss == Choice(name="HuberLoss", config={"threshold": 2.0})

    @pytest.mark.parametrize(
        "settings",
        [
            ["training.loss.name=MeanAbsoluteError"],
            ["training.loss={name: MeanAbsoluteError}"],
            ["training.loss.config.threshold=2.0", "training.loss.name=MeanAbsoluteError"],
        ],
    )
    def test_another_name_drops_the_arguments(self, settings):
        loss = load(None, settings).training.loss
        assert loss == Choice(name="MeanAbsoluteError", config={})

    def test_the_same_name_keeps_the_arguments(self):
        config = load(None, ["training.loss.config.threshold=2.0", "training.loss.name=HuberLoss"])
        assert config.training.loss.config == {"threshold": 2.0}

    def test_a_list_item_by_its_place(self):
        metrics = load(None, ["training.metrics.0.config.threshold=2.0"]).training.metrics
        before = Config().training.metrics
        assert metrics[0] == Choice(name="HuberMetric", config={"threshold": 2.0})
        assert metrics[1:] == before[1:]

    def test_a_list_item_by_its_place_in_a_file(self, write):
        file = write("training:\n  metrics:\n    0: {config: {threshold: 2.0}}\n")
        assert load(file) == load(None, ["training.metrics.0.config.threshold=2.0"])

    def test_a_list_is_given_anew(self):
        assert load(None, ["features.numeric=[trip_miles]"]).features.numeric == ("trip_miles",)

    def test_columns_that_come_round_are_given_anew(self):
        features = load(None, ["features.cyclic={trip_start_hour: 24}"]).features
        assert features.cyclic == {"trip_start_hour": 24}

    def test_null_takes_an_object_away(self):
        assert load(None, ["model.regularizer=null"]).model.regularizer is None

    def test_an_object_where_none_was(self):
        constraint = load(None, ["model.constraint.name=PositiveWeights"]).model.constraint
        assert constraint == Choice(name="PositiveWeights")

    def test_empty_file_changes_nothing(self, write):
        assert load(write("# all as it was\n")) == Config()

    @pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.e-3", "+0.1e-2", ".1e-2", "0.001"])
    def test_a_number_may_have_an_exponent(self, number, write):
        from_setting = load(None, [f"training.optimizer.config.learning_rate={number}"])
        file = write(f"training: {{optimizer: {{config: {{learning_rate: {number}}}}}}}")
        assert from_setting == load(file)
        assert from_setting.training.optimizer.config == {"learning_rate": 0.001}

    def test_quotes_make_text(self):
        assert load(None, ['data.exclude=["1e5"]']).data.exclude == ("1e5",)

    @pytest.mark.parametrize("column", ["on", "yes", "2020-01-01", "7"])
    def test_a_key_is_text_as_written(self, column):
        assert load(None, [f"features.cyclic={{{column}: 24}}"]).features.cyclic == {column: 24}


def changed(config: Config) -> None:
    config.seed = 1


def changed_below(config: Config) -> None:
    config.training.epochs = 1


@pytest.mark.parametrize("change", [changed, changed_below])
def test_a_config_does_not_change_once_made(change):
    with pytest.raises(ValidationError, match="frozen"):
        change(Config())


# (--set, what the message must hold): thing, expectation, received, what to write.
WRONG = [
    # Unknown keys, at each level.
    ("trainnig.epochs=5", "trainnig: no such key; did you mean training?"),
    ("training.epoch=5", "training.epoch: no such key; did you mean training.epochs?"),
    ("training.loss.nme=x", "training.loss.nme: no such key; did you mean training.loss.name?"),
    ("training.metrics.0.confg={}", "did you mean training.metrics.0.config?"),
    ("evaluation.gate.0.uper_bound=1", "did you mean evaluation.gate.0.upper_bound?"),
    ("batch_size=5", "batch_size: no such key; did you mean training.batch_size?"),
    ("zzzz=5", "zzzz: no such key; expected one of: name, workspace, seed, objects, data"),
    (
        "training.loss.config.treshold=1",
        "training.loss.config.treshold: HuberLoss expected threshold, received 'treshold'",
    ),
    (
        "training.optimizer.config.momentum=0.9",
        "training.optimizer.config.momentum: Adam expected learning_rate, clipnorm, "
        "received 'momentum'",
    ),
    ("model.activation.config.alpha=1", "relu expected no arguments, received 'alpha'"),
    # Out of range.
    (
        "training.loss.config.threshold=0",
        "training.loss.config.threshold: expected a finite number > 0, received 0 (int); "
        "write, for example: --set training.loss.config.threshold=1.0",
    ),
    (
        "training.metrics.0.config.threshold=-1.5",
        "training.metrics.0.config.threshold: expected a finite number > 0, received -1.5 (float); "
        "write, for example: --set training.metrics.0.config.threshold=1.0",
    ),
    ("training.loss.config.threshold=.nan", "expected a finite number > 0, received nan"),
    ("model.regularizer.config.factor=-1", "expected a finite number >= 0, received -1"),
    ("evaluation.metrics.3.config.quantile=1", "expected a number between 0 and 1, received 1"),
    (
        "training.epochs=0",
        "training.epochs: expected greater than 0, received 0; "
        "write, for example: --set training.epochs=20",
    ),
    ("seed=-1", "seed: expected greater than or equal to 0, received -1; write, for example: "),
    ("seed=3000000000", "seed: expected less than 2147483648, received 3000000000"),
    ("features.cyclic={hour: 0}", "features.cyclic.hour: expected greater than 0, received 0"),
    ("evaluation.gate.0.max_increase=.inf", "expected a finite number, received .inf"),
    # Of the wrong type.
    ("training.epochs=ten", "training.epochs: expected a valid integer, received ten; write"),
    ("training.epochs=1.5", "training.epochs: expected a valid integer, received 1.5; write"),
    ("training.epochs=null", "training.epochs: expected a valid integer, received null; write"),
    ("training.mixed_precision=1", "expected a valid boolean, received 1; write, for example: "),
    ("training.loss.config.threshold=true", "expected a finite number > 0, received True (bool)"),
    ("training.loss.config.threshold=abc", "expected a finite number > 0, received 'abc' (str)"),
    ("model.hidden_units=64", "received 64; write, for example: hidden_units: [64, 32]"),
    (
        "data.label=",
        "data.label: expected a column, or a list of columns, each once, received null; write, ",
    ),
    (
        "training.loss=HuberLoss",
        "training.loss: expected an object, received HuberLoss; write, for example: "
        "loss: {name: HuberLoss, config: {threshold: 1.0}}",
    ),
    (
        "training.metrics=[HuberMetric]",
        "training.metrics.0: expected an object, received HuberMetric; write, for example: "
        "--set 'training.metrics.0={name: HuberMetric, config: {threshold: 1.0}}'",
    ),
    (
        "evaluation.gate.0.slice={trip_start_hour: 7.5}",
        "evaluation.gate.0.slice.trip_start_hour: expected text or a whole number, received 7.5",
    ),
    # No object has this name.
    (
        "training.loss.name=HuberLos",
        "training.loss.name: expected a loss: huber_fn, HuberLoss, CustomMSE, Huber, LogCosh, "
        "MeanAbsoluteError, MeanSquaredError, BinaryCrossentropy, BinaryFocalCrossentropy, "
        "SparseCategoricalCrossentropy; received 'HuberLos' (did you mean HuberLoss?); "
        "write, for example: --set training.loss.name=HuberLoss",
    ),
    ("training.loss.name=Zonk", "received 'Zonk'; write, for example: --set training.loss.name="),
    ("training.optimizer.name=SDG", "received 'SDG' (did you mean SGD?)"),
    ("training.metrics=[{name: HuberMetrc}]", "training.metrics.0.name: expected a metric: "),
    ("model.constraint.name=PositiveWeigts", "(did you mean PositiveWeights?)"),
    # Keys that must be there.
    ("training.metrics=[{}]", "training.metrics.0.name: expected this key, received {}; write"),
    (
        "evaluation.metrics=[{name: MeanAbsoluteError}]",
        "evaluation.metrics.0.key: expected this key, received {name: MeanAbsoluteError}; "
        "write, for example: --set evaluation.metrics.0.key=huber",
    ),
    # Names that become folders and keys.
    ("name=../up", "name: expected text like ^[A-Za-z][A-Za-z0-9_-]*$, received ../up"),
    ("evaluation.metrics.1.key=Mae", "expected text like ^[a-z][a-z0-9_]*$, received Mae"),
    # Keys that do not go together.
    (
        "data.label=trip_miles",
        "data.label: expected a column that is no feature, received 'trip_miles'; "
        "write, for example: --set data.label=fare",
    ),
    (
        "data.weight=trip_miles",
        "data.weight: expected a column that is no feature, received 'trip_miles'; "
        "see: huberflow config",
    ),
    ("data.weight=fare", "data.weight: expected a column that is not the label, received 'fare'"),
    (
        "features.numeric=[trip_miles, company, trip_miles]",
        "features: expected each column once, received twice: company, trip_miles",
    ),
    (
        "features={numeric: [], categorical: [], cyclic: {}}",
        "features: expected at least one column, received none",
    ),
    ("model.hidden_units=[]", "model.hidden_units: expected at least 1 item, received []; write"),
    ("evaluation.gate=[]", "evaluation.gate: expected at least 1 item, received []; write"),
    (
        "evaluation.gate=[{metric: hubr, upper_bound: 1}]",
        "evaluation.gate: expected the key of a metric (huber, mae, rmse, median_error, "
        "tail_error, example_count, calibration), received 'hubr'; write, for example: gate: [",
    ),
    (
        "evaluation.gate=[{metric: huber}]",
        "evaluation.gate.0: expected lower_bound, upper_bound, max_increase or max_decrease, "
        "received none; write, for example: --set 'evaluation.gate.0={metric: huber, "
        "upper_bound: 3.0",
    ),
    (
        "evaluation.gate.0.slice={company: Flash}",
        "evaluation.gate.0.slice: expected values of one of the slices (payment_type or "
        "trip_start_hour), received company",
    ),
    ("evaluation.slices=[[]]", "evaluation.slices.0: expected at least 1 item, received []; write"),
    (
        "evaluation.metrics.1.key=huber",
        "evaluation.metrics: expected each key once, received huber, huber, rmse",
    ),
    # Not a setting.
    ("training.epochs", "--set: expected key=value, received 'training.epochs'; write: --set "),
    ("=5", "--set: expected key=value, received '=5'; write: --set "),
    (".epochs=5", "--set: expected key=value, received '.epochs=5'; write: --set "),
    ("training..epochs=5", "--set: expected key=value, received 'training..epochs=5'"),
    ("training.epochs=[1", "--set training.epochs: '[1' is not YAML: "),
    ("training={epochs: 3, epochs: 4}", "is not YAML: 'epochs' is given twice"),
]


def what_to_write(message: str) -> str | None:
    """A message's example as a setting: ``--set …`` as a shell reads it, ``key: …`` as a file."""
    example = re.search(r"write(, for example)?: (.*)", message)
    if example is None:
        return None
    if example[2].startswith("--set "):
        _, setting = shlex.split(example[2])
        return setting
    section = message.partition(": ")[0].rpartition(".")[0]
    key, _, value = example[2].partition(": ")
    return f"{section}.{key}={value}".removeprefix(".")


class TestGateSlice:
    def test_may_be_any_slice_in_any_order(self):
        settings = [
            "evaluation.slices=[[company], [payment_type, trip_start_hour]]",
            "evaluation.gate.0.slice={trip_start_hour: 7, payment_type: Cash}",
        ]
        (bound,) = load(None, settings).evaluation.gate
        assert bound.slice == {"trip_start_hour": 7, "payment_type": "Cash"}

    def test_is_all_rows_where_it_names_none(self):
        assert load(None, ["evaluation.slices=[]"]).evaluation.gate[0].slice is None


class TestWrongSettings:
    @pytest.mark.parametrize(("setting", "part"), WRONG, ids=[setting for setting, _ in WRONG])
    def test_message(self, setting, part):
        message = refusal(None, setting)
        assert part in message
        assert len(message.splitlines()) == 1

    def test_what_they_say_to_write_loads(self):
        examples = [what_to_write(refusal(None, setting)) for setting, _ in WRONG]
        for example in filter(None, examples):
            assert isinstance(load(None, [example]), Config)
        assert sum(map(bool, examples)) > 35

    @pytest.mark.parametrize("setting", [s for s, part in WRONG if "did you mean" in part])
    def test_the_key_or_name_that_it_guesses_exists(self, setting):
        (guess,) = re.findall(r"did you mean ([\w.]+)\?", refusal(None, setting))
        assert guess.rpartition(".")[2] in to_yaml(Config()) or guess[0].isupper()

    def test_each_mistake_has_a_line(self):
        message = refusal(None, "training.epochs=0", "seed=-1", "training.loss.name=Zonk")
        assert [line.partition(":")[0] for line in message.splitlines()] == [
            "seed",
            "training.loss.name",
            "training.epochs",
        ]

    @pytest.mark.parametrize("key", ["data.label", "data.weight"])
    def test_a_column_of_data_that_were_not_named(self, key):
        assert refusal(None, f"{key}=price").startswith(
            f"{key}: expected a column of the taxi trips, for no data is named, received 'price'; "
            "write: --data PATH, or one of pickup_community_area, fare, "
        )

    def test_the_taxi_trips_columns_are_not_asked_for_where_a_model_only_serves(self, monkeypatch):
        monkeypatch.setattr(taxi, "folder", pytest.fail)  # they come with TFX
        assert load() == Config()

    @properties
    @given(
        key=st.sampled_from(["seed", "data.label", "training", "training.loss", "evaluation.gate"]),
        text=st.text(string.ascii_letters + string.digits + " :-[]{},.'\"#\n\t?!|>%@", max_size=12),
    )
    def test_any_text_is_a_value_or_a_mistake(self, key, text):
        with contextlib.suppress(InputError):
            assert isinstance(load(None, [f"{key}={text}"]), Config)


class TestWrongFiles:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("- training", "expected a mapping of keys in {path}, received list; write: training:"),
            ("training", "expected a mapping of keys in {path}, received str; write: training:"),
            ("training: [", "{path} is not YAML: while parsing"),
            (b"name: \xff\xfe", "{path} is not YAML: 'utf-8' codec can't decode"),
            ("seed: 1\nseed: 2", "{path} is not YAML: 'seed' is given twice"),
            ("!!python/object:os.system {}", "{path} is not YAML: could not determine a construct"),
            ("training: {epoch: 5}", "training.epoch: no such key; did you mean training.epochs?"),
        ],
    )
    def test_message(self, text, part, write):
        path = write(text)
        message = refusal(path)
        assert part.format(path=path) in message
        assert len(message.splitlines()) == 1

    def test_that_is_not_there(self, tmp_path):
        assert refusal(tmp_path / "none.yaml") == (
            f"--config: expected a readable file, received {tmp_path}/none.yaml "
            "(No such file or directory); write a first one with: huberflow config > my.yaml"
        )

    def test_that_is_a_folder(self, tmp_path):
        assert f"expected a readable file, received {tmp_path} (Is a dir" in refusal(tmp_path)


class TestTracking:
    @pytest.mark.parametrize(
        "uri",
        [
            "http://127.0.0.1:5000",
            "https://user:password@mlflow.example/tracking",
            "sqlite:////data/mlflow.db",
            "postgresql+psycopg://user@host/mlflow",
        ],
    )
    def test_takes_a_server_or_a_database(self, uri):
        assert load(None, [f"tracking.uri={uri}"]).tracking.uri == uri

    @pytest.mark.parametrize("uri", ["./mlruns", "file:///mlruns", "localhost:5000", "databricks"])
    def test_takes_no_folder_and_no_name(self, uri):
        assert refusal(None, f"tracking.uri={uri}") == (
            "tracking.uri: expected the address of an MLflow server or database, such as "
            f"http://127.0.0.1:5000 or sqlite:////data/mlflow.db, received {uri!r}; "
            "see: huberflow config"
        )

    @pytest.mark.parametrize(
        ("setting", "part"),
        [
            ("tracking.patience=0", "tracking.patience: "),
            ("tracking.experiment=''", "tracking.experiment: "),
            ("tracking.run_name=''", "tracking.run_name: "),
            ("tracking.enabled=maybe", "tracking.enabled: "),
            ("tracking.url=http://x", "tracking.url: no such key; did you mean tracking.uri?"),
        ],
    )
    def test_a_mistake_is_named(self, setting, part):
        assert refusal(None, setting).startswith(part)

    def test_is_on_and_waits_a_minute(self):
        found = Config().tracking
        assert (found.enabled, found.patience) == (True, 60)

    def test_can_be_off(self):
        assert not load(None, ["tracking.enabled=false"]).tracking.enabled


names = st.text(min_size=1, max_size=12)
configs = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31 - 1),
        "excluded": names,
        "threshold": st.floats(min_value=0, exclude_min=True, allow_infinity=False),
        "units": st.lists(st.integers(1, 10_000), min_size=1, max_size=4),
        "cyclic": st.dictionaries(names, st.floats(min_value=1e-300, max_value=1e300), min_size=1),
        "patience": st.none() | st.integers(1, 99),
    }
)


class TestRoundTrip:
    @properties
    @given(values=configs)
    def test_what_the_command_prints_loads_to_the_same_config(self, values, tmp_path_factory):
        config = Config(
            seed=values["seed"],
            data={"exclude": (values["excluded"],)},
            features={"numeric": (), "categorical": ("a" * 20,), "cyclic": values["cyclic"]},
            model={"hidden_units": tuple(values["units"])},
            training={
                "loss": {"name": "HuberLoss", "config": {"threshold": values["threshold"]}},
                "early_stopping_patience": values["patience"],
            },
        )
        path = tmp_path_factory.mktemp("round") / "config.yaml"
        path.write_text(to_yaml(config), encoding="utf-8")
        assert load(path) == config

    @pytest.mark.parametrize(
        "text",
        ["1e5", "7", "yes", "null", "2020-01-01", "a: b", "#1", "größe", " x", "", "'", "[a"],
    )
    def test_text_stays_text(self, text, tmp_path):
        config = Config(data={"exclude": (text,)})
        (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
        assert load(tmp_path / "config.yaml") == config

    def test_without_any_optional_object(self, tmp_path):
        objects = ("regularizer", "constraint", "activity_regularization")
        config = load(None, [f"model.{name}=null" for name in objects])
        (tmp_path / "config.yaml").write_text(to_yaml(config))
        assert load(tmp_path / "config.yaml") == config

    def test_it_is_plain_yaml(self):
        """Any YAML reader finds what ours does."""
        assert yaml.safe_load(to_yaml(Config()))["training"]["loss"] == {
            "name": "HuberLoss",
            "config": {"threshold": 1.0},
        }
