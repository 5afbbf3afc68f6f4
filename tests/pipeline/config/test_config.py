"""What a config may contain, which value wins, and the messages for wrong values."""

from __future__ import annotations

import contextlib
import re
import shlex
import string
from pathlib import Path

import hostile_names
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline import config
from huberflow.pipeline.config import Choice, Config, reading
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


DECAY = "{initial_learning_rate: 0.01, decay_steps: 100, decay_rate: 0.9}"


def refusal(path=None, *settings: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(path, settings)
    return caught.value


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
    def test_set_over_file_over_default(self, write):
        training = load(
            write("training: {epochs: 5, batch_size: 32}"), ["training.epochs=7"]
        ).training
        assert (training.epochs, training.batch_size) == (7, 32)
        assert training.steps_per_epoch == Config().training.steps_per_epoch

    def test_last_set_over_the_one_before(self):
        assert load(None, ["seed=1", "seed=2"]).seed == 2

    @pytest.mark.parametrize(
        ("setting", "section", "key", "value"),
        [
            ("training.loss.config.threshold=2.0", "training", "loss",
             Choice(name="HuberLoss", config={"threshold": 2.0})),
            ("features.numeric=[trip_miles]", "features", "numeric", ("trip_miles",)),
            ("features.cyclic={hour: 24}", "features", "cyclic", {"hour": 24}),
            ("features.cyclic={on: 24}", "features", "cyclic", {"on": 24}),
            ("features.cyclic={2020-01-01: 24}", "features", "cyclic", {"2020-01-01": 24}),
            ("features.cyclic={7: 24}", "features", "cyclic", {"7": 24}),
            ("model.regularizer=null", "model", "regularizer", None),
            ("model.constraint.name=PositiveWeights", "model", "constraint",
             Choice(name="PositiveWeights")),
            ('data.exclude=["1e5"]', "data", "exclude", ("1e5",)),
            (f"training.optimizer.config.learning_rate={{name: ExponentialDecay, config: {DECAY}}}",
             "training", "optimizer", Choice(name="Adam", config={"learning_rate": {
                 "name": "ExponentialDecay", "config": yaml.safe_load(DECAY)}})),
        ],
    )  # fmt: skip
    def test_one_setting_sets_one_value(self, setting, section, key, value):
        assert getattr(getattr(load(None, [setting]), section), key) == value

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

    def test_a_name_with_arguments_is_the_whole_object(self):
        settings = [
            "training.optimizer.config.beta_2=0.9",
            "training.optimizer={name: Adam, config: {learning_rate: 0.1}}",
        ]
        assert load(None, settings).training.optimizer.config == {"learning_rate": 0.1}

    def test_a_list_item_by_its_place(self):
        metrics = load(None, ["training.metrics.0.config.threshold=2.0"]).training.metrics
        before = Config().training.metrics
        assert metrics[0] == Choice(name="HuberMetric", config={"threshold": 2.0})
        assert metrics[1:] == before[1:]

    def test_a_list_item_by_its_place_in_a_file(self, write):
        file = write("training:\n  metrics:\n    0: {config: {threshold: 2.0}}\n")
        assert load(file) == load(None, ["training.metrics.0.config.threshold=2.0"])

    def test_empty_file_changes_nothing(self, write):
        assert load(write("# all as it was\n")) == Config()

    @pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.e-3", "+0.1e-2", ".1e-2", "0.001"])
    def test_a_number_may_have_an_exponent(self, number, write):
        from_setting = load(None, [f"training.optimizer.config.learning_rate={number}"])
        file = write(f"training: {{optimizer: {{config: {{learning_rate: {number}}}}}}}")
        assert from_setting == load(file)
        assert from_setting.training.optimizer.config == {"learning_rate": 0.001}


@pytest.mark.parametrize(("section", "key"), [(Config(), "seed"), (Config().training, "epochs")])
def test_a_config_does_not_change_once_made(section, key):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section, key, 1)


# --set | key, where it is another | a part of what was expected | received | a part of the remedy
WRONG = [
    [part.strip() for part in row.split("|")]
    for row in r"""
trainnig.epochs=5 | trainnig | one of name | the unknown key 'trainnig' | did you mean training?
training.epoch=5 |  | one of loss | the unknown key 'epoch' | did you mean training.epochs?
training.loss.nme=x |  | one of name | the unknown key 'nme' | did you mean training.loss.name?
training.metrics.0.confg={} |  | one of name | 'confg' | did you mean training.metrics.0.config?
evaluation.gate.0.slise={} |  | one of metric | 'slise' | did you mean evaluation.gate.0.slice?
batch_size=5 |  | one of name | the unknown key 'batch_size' | did you mean training.batch_size?
zzzz=5 |  | one of name, workspace, seed, objects, data, features | the unknown key 'zzzz' |
training.loss.config.treshold=1 |  | an argument of HuberLoss | 'treshold' | did you mean threshold?
training.optimizer.config.momentum=0.9 |  | an argument of | 'momentum' | see: huberflow
model.activation.config.alpha=1 |  | an argument of relu: none | 'alpha' | see: huberflow config
training.loss.config.threshold=0 |  | a finite number > 0 | 0 (int) | =1.0
training.metrics.0.config.threshold=-1.5 |  | a finite number > 0 | -1.5 (float) | =1.0
training.loss.config.threshold=.nan |  | a finite number > 0 | nan (float) | =1.0
model.regularizer.config.factor=-1 |  | a finite number >= 0 | -1 (int) | =1.0e-05
evaluation.metrics.3.config.quantile=1 |  | a number between 0 and 1 | 1 (int) | =0.5
training.epochs=0 |  | greater than 0 | 0 | =20
seed=-1 |  | greater than or equal to 0 | -1 | =42
seed=3000000000 |  | less than 2147483648 | 3000000000 | =42
features.cyclic={hour: 0} | features.cyclic.hour | greater than 0 | 0 | see: huberflow config
evaluation.gate.0.max_increase=.inf |  | a finite number | .inf | =0.1
training.epochs=ten |  | a valid integer | ten | =20
training.epochs=1.5 |  | a valid integer | 1.5 | =20
training.epochs=null |  | a valid integer | null | =20
training.mixed_precision=1 |  | a valid boolean | 1 | =false
data.missing=["-999"] | data.missing.0 | words | '-999' |
training.loss.config.threshold=true |  | a finite number > 0 | True (bool) | =1.0
training.loss.config.threshold=abc |  | a finite number > 0 | 'abc' (str) | =1.0
model.hidden_units=64 |  | a valid array | 64 | hidden_units: [64, 32]
data.label= |  | a column, or a list of columns, each once | null | =fare
training.loss=HuberLoss |  | an object | HuberLoss | loss: {name: HuberLoss
training.metrics=[HuberMetric] | training.metrics.0 | an object | HuberMetric | ={name: HuberMetric
evaluation.gate.0.slice={hour: 7.5} | evaluation.gate.0.slice.hour | text or a whole | 7.5 | see:
training.loss.name=HuberLos |  | a loss: huber_fn, HuberLoss | 'HuberLos' | did you mean HuberLoss?
training.loss.name=Zonk |  | a loss: huber_fn, HuberLoss, CustomMSE | 'Zonk' | --objects FILE
training.optimizer.name=SDG |  | an optimizer: Adadelta, Adafactor | 'SDG' | did you mean SGD?
training.optimizer.config.learnin_rate=1 |  | an argument | 'learnin_rate' | mean learning_rate?
training.optimizer.config.learning_rate.name=Cos |  | a schedule: CosineDecay, | 'Cos' | --objects
training.metrics=[{name: Hubr}] | training.metrics.0.name | a metric: | 'Hubr' | mean HuberMetric?
model.constraint.name=NonNegg |  | a constraint: | 'NonNegg' | did you mean NonNeg?
model.threshold={aim: f2} | model.threshold.aim | 'f1', 'balanced_accuracy' | f2 | see:
model.threshold={aim: f1} | | null for model.task=regression | f1 | --set model.threshold=null
training.metrics=[{}] | training.metrics.0.name | this key | {} | =HuberMetric
evaluation.metrics=[{name: AUC}] | evaluation.metrics.0.key | this key | {name: AUC} | =huber
name=../up |  | text like ^[A-Za-z][A-Za-z0-9_-]*$ | ../up | =taxi
evaluation.metrics.1.key=Mae |  | text like ^[a-z][a-z0-9_]*$ | Mae | =mae
data.label=trip_miles |  | a column that is no feature | 'trip_miles' | =fare
data.weight=trip_miles |  | a column that is no feature | 'trip_miles' | see: huberflow config
data.weight=fare |  | a column that is not the label | 'fare' | see: huberflow config
features.numeric=[a, company, a] | features | each column once | twice: a, company | features:
features={numeric: [], categorical: [], cyclic: {}} |  | at least one | none | features:
model.hidden_units=[] |  | at least 1 item | [] | hidden_units: [64, 32]
evaluation.gate=[] |  | at least 1 item | [] | gate: [{metric: huber, upper_bound: 3.0
evaluation.gate=[{metric: hubr, upper_bound: 1}] |  | the key of a | 'hubr' | gate:
evaluation.gate=[{metric: huber}] | evaluation.gate.0 | lower_bound | none | ={metric: huber
evaluation.gate.0.slice={company: Flash} |  | values of one of | company | see: huberflow
evaluation.slices=[[]] | evaluation.slices.0 | at least 1 item | [] | =[payment_type]
export.allow_ops=[WriteFil] |  | a list of ops of TensorFlow | 'WriteFil' | the message that refused
evaluation.metrics.1.key=huber | evaluation.metrics | each key once | huber, huber, rmse | metrics:
training.epochs | --set | key=value | 'training.epochs' | training.loss.config.threshold=2.0
=5 | --set | key=value | '=5' | training.loss.config.threshold=2.0
.epochs=5 | --set | key=value | '.epochs=5' | training.loss.config.threshold=2.0
training..epochs=5 | --set | key=value | 'training..epochs=5' | training.loss.config.threshold=2.0
training.epochs=[1 | --set training.epochs | YAML | '[1' | while parsing a flow sequence
training={epochs: 3, epochs: 4} | --set training | YAML | '{epochs: 3, epochs: 4}' | 'epochs' is
""".strip().splitlines()
]


def written(error: InputError) -> str | None:
    """What to write as a setting: ``--set …`` as a shell reads it, ``key: …`` as in a file."""
    if error.write is None or error.write.startswith("--set "):
        return shlex.split(error.write)[1] if error.write else None
    section = error.key.rpartition(".")[0]
    key, _, value = error.write.partition(": ")
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
    @pytest.mark.parametrize(
        ("setting", "key", "expected", "received", "remedy"), WRONG, ids=[row[0] for row in WRONG]
    )
    def test_are_refused_with_a_remedy(self, setting, key, expected, received, remedy):
        error = refusal(None, setting)
        assert error.key == (key or setting.partition("=")[0])
        assert expected in error.expected
        assert received in error.received
        assert remedy in f"{error.hint} {error.write}"
        assert len(str(error).splitlines()) == 1

    def test_what_they_say_to_write_loads(self):
        settings = [written(refusal(None, row[0])) for row in WRONG]
        for setting in filter(None, settings):
            assert isinstance(load(None, [setting]), Config)
        assert sum(map(bool, settings)) > 35

    @pytest.mark.parametrize("setting", [row[0] for row in WRONG if "did you mean" in row[4]])
    def test_the_key_or_name_that_is_guessed_exists(self, setting):
        (guess,) = re.findall(r"did you mean ([\w.]+)\?", refusal(None, setting).hint)
        assert guess.rpartition(".")[2] in to_yaml(Config()) or guess[0].isupper()

    def test_a_name_may_be_that_of_an_object_of_ones_own(self):
        """It is said first: QuantileLoss is no slip of the pen for a loss of ours."""
        hint = refusal(None, "training.loss.name=QuantileLoss").hint
        assert "--objects FILE" in hint.partition("did you mean")[0]
        values = {"training": {"loss": {"name": "QuantilLoss"}}}
        entry = BUILT_IN.entries["HuberLoss"]
        own = Catalogue({**BUILT_IN.entries, "QuantileLoss": entry})
        with pytest.raises(InputError) as refused:
            reading.validate(values, own)
        assert refused.value.errors[0].hint == "did you mean QuantileLoss?"

    def test_are_reported_together(self):
        errors = refusal(None, "training.epochs=0", "seed=-1", "training.loss.name=Zonk").errors
        assert [each.key for each in errors] == ["seed", "training.loss.name", "training.epochs"]

    @pytest.mark.parametrize("key", ["data.label", "data.weight"])
    def test_a_column_of_data_that_were_not_named(self, key):
        error = refusal(None, f"{key}=price")
        assert (error.key, error.received) == (key, "'price'")
        assert "taxi trips" in error.expected
        assert error.write == "--data PATH"
        assert "pickup_community_area, fare, " in error.hint

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
        ("text", "expected", "received", "hint"),
        [
            ("- training", "a mapping of keys", "list in {path}", None),
            ("training", "a mapping of keys", "str in {path}", None),
            ("training: [", "YAML", "{path}", "while parsing"),
            (b"name: \xff\xfe", "YAML", "{path}", "'utf-8' codec can't decode"),
            ("seed: 1\nseed: 2", "YAML", "{path}", "'seed' is given twice"),
            ("!!python/object:os.system {}", "YAML", "{path}", "could not determine a construct"),
        ],
    )
    def test_are_refused(self, text, expected, received, hint, write):
        path = write(text)
        error = refusal(path)
        assert (error.key, error.expected) == ("--config", expected)
        assert error.received == received.format(path=path)
        assert (hint or "") in (error.hint or "")
        assert len(str(error).splitlines()) == 1

    def test_with_a_wrong_key_are_refused_as_a_setting_is(self, write):
        assert refusal(write("training: {epoch: 5}")).key == "training.epoch"

    def test_that_cannot_be_read(self, tmp_path):
        for path, reason in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a dir")):
            error = refusal(path)
            assert (error.key, error.expected) == ("--config", "a readable file")
            assert f"{path} ({reason}" in error.received
            assert error.write == "huberflow config > my.yaml"


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
        error = refusal(None, f"tracking.uri={uri}")
        assert (error.key, error.received) == ("tracking.uri", repr(uri))
        assert "MLflow server or database, such as http://127.0.0.1:5000" in error.expected

    @pytest.mark.parametrize(
        "setting", ["patience=0", "experiment=''", "run_name=''", "enabled=maybe", "url=http://x"]
    )
    def test_a_mistake_is_named(self, setting):
        assert refusal(None, f"tracking.{setting}").key == f"tracking.{setting.partition('=')[0]}"


names = hostile_names.names
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
        """Every YAML reader reads the same values."""
        assert yaml.safe_load(to_yaml(Config()))["training"]["loss"] == {
            "name": "HuberLoss",
            "config": {"threshold": 1.0},
        }
