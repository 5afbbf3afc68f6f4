"""Which runs a sweep makes of the values that a user lists."""

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.resolve import grid
from huberflow.pipeline.resolve.resolved_run import load

THRESHOLD = "training.loss.config.threshold"


def refusal(*settings: str, fixed=()) -> InputError:
    with pytest.raises(InputError) as caught:
        grid.resolve(None, fixed, settings)
    return caught.value


class TestCombinations:
    def test_last_key_varies_fastest(self):
        assert grid.trials(["seed=1,2", "training.epochs=3,4"]) == [
            ("seed=1", "training.epochs=3"),
            ("seed=1", "training.epochs=4"),
            ("seed=2", "training.epochs=3"),
            ("seed=2", "training.epochs=4"),
        ]

    @pytest.mark.parametrize(
        ("listed", "values"),
        [
            ("[64, 32],[128]", ["[64, 32]", "[128]"]),
            ("{name: HuberLoss, config: {threshold: 2}},{name: LogCosh}",
             ["{name: HuberLoss, config: {threshold: 2}}", "{name: LogCosh}"]),
            ('"a, b",c', ['"a, b"', "c"]),
            (" 1 ,  2", ["1", "2"]),
            ("1", ["1"]),
            ("1e-3,null", ["1e-3", "null"]),
        ],
    )  # fmt: skip
    def test_commas_inside_a_value_part_nothing(self, listed, values):
        assert grid.trials([f"a.b={listed}"]) == [(f"a.b={value}",) for value in values]

    def test_a_value_is_read_as_in_set(self):
        rate = "training.optimizer.config.learning_rate"
        found = grid.resolve(None, [], [f"{rate}=1e-3,0.01", "model.hidden_units=[8, 4]"])
        assert [trial.config for trial in found.trials] == [
            load(None, [f"{rate}=0.001", "model.hidden_units=[8, 4]"]),
            load(None, [f"{rate}=0.01", "model.hidden_units=[8, 4]"]),
        ]

    def test_a_value_may_be_one_of_a_schedule(self):
        rate = "training.optimizer.config.learning_rate"
        decay = "{initial_learning_rate: 0.01, decay_steps: 5, decay_rate: 0.9}"
        fixed = [f"{rate}={{name: ExponentialDecay, config: {decay}}}"]
        found = grid.resolve(None, fixed, [f"{rate}.config.decay_steps=100,1000"])
        assert [trial.name for trial in found.trials] == ["decay_steps=100", "decay_steps=1000"]
        rates = [trial.config.training.optimizer.config["learning_rate"] for trial in found.trials]
        assert [each["config"]["decay_steps"] for each in rates] == [100, 1000]
        assert {each["config"]["decay_rate"] for each in rates} == {0.9}

    def test_points_come_over_the_file_and_the_fixed_settings(self, tmp_path):
        (tmp_path / "my.yaml").write_text("training: {epochs: 7, batch_size: 32}")
        fixed = ["seed=1", "training.epochs=8"]
        (trial,) = grid.resolve(tmp_path / "my.yaml", fixed, ["seed=2"]).trials
        training = trial.config.training
        assert (trial.config.seed, training.epochs, training.batch_size) == (2, 8, 32)


class TestRepeatedPoints:
    def test_are_dropped_and_told_with_the_one_they_repeat(self):
        found = grid.resolve(
            None, [], [f"{THRESHOLD}=0.5,1,2,4", "training.loss.name=HuberLoss,CustomMSE"]
        )
        assert len(found.trials) == 5
        assert [dropped.settings[0] for dropped, _ in found.dropped] == [
            f"{THRESHOLD}=1", f"{THRESHOLD}=2", f"{THRESHOLD}=4",
        ]  # fmt: skip
        assert {kept.name for _, kept in found.dropped} == {"CustomMSE"}

    def test_a_number_written_in_two_ways_is_one(self):
        found = grid.resolve(None, [], [f"{THRESHOLD}=1,1.0,10e-1"])
        assert [trial.settings for trial in found.trials] == [(f"{THRESHOLD}=1",)]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ([f"{THRESHOLD}=0.5", "training.loss.name=HuberLoss"], "threshold=0.5 HuberLoss"),
        (
            [f"{THRESHOLD}=2", "training.metrics.0.config.threshold=3"],
            "loss.config.threshold=2 metrics.0.config.threshold=3",
        ),
        (
            ["training.loss.name=LogCosh", "model.activation.name=softplus"],
            "loss=LogCosh activation=softplus",
        ),
        ([f"{THRESHOLD}=2", "training.loss.name=LogCosh"], "LogCosh"),
        (["training.steps_per_epoch=null"], "steps_per_epoch=null"),
    ],
)
def test_a_name_has_the_ends_of_keys_and_the_names_of_objects(settings, name):
    (trial,) = grid.resolve(None, [], settings).trials
    assert trial.name == name


class TestRefusals:
    @pytest.mark.parametrize("setting", ["seed", "seed=", "seed= ", "=3", ""])
    def test_no_key_or_no_value(self, setting):
        error = refusal(setting)
        assert (error.key, error.expected) == ("--set", "key=value,value")
        assert error.received == repr(setting)
        assert error.write == f"--set {THRESHOLD}=0.5,1,2"

    @pytest.mark.parametrize("listed", ["1,,2", "[1", "1],[2]", "1]: [2", "1] #", "{a: 1"])
    def test_values_that_are_no_yaml(self, listed):
        error = refusal(f"seed={listed}")
        assert (error.key, error.expected) == ("seed", "values in YAML")
        assert error.received == repr(listed)

    def test_too_many_trials(self):
        numbers = ",".join(map(str, range(1, 51)))
        error = refusal(f"seed={numbers}", f"training.epochs={numbers}")
        assert (error.expected, error.received) == ("at most 1,000 trials", "2,500 (50 x 50)")

    def test_all_wrong_trials_at_once(self):
        errors = refusal(f"{THRESHOLD}=-1,2,0").errors
        assert [error.key for error in errors] == [
            f"{THRESHOLD}=-1: {THRESHOLD}", f"{THRESHOLD}=0: {THRESHOLD}",
        ]  # fmt: skip
        assert {error.expected for error in errors} == {"a finite number > 0"}

    def test_a_mistake_of_several_trials_is_reported_once(self):
        (error,) = refusal("seed=1,2,3", fixed=["training.epoch=5"]).errors
        assert error.key == "seed=1 (and 2 more): training.epoch"
        assert error.hint == "did you mean training.epochs?"

    def test_several_workspaces(self):
        error = refusal("workspace=a,b")
        assert (error.key, error.received) == ("workspace", "a, b")
