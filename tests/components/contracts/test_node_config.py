"""Configs of nodes survive TFX, which stores them as JSON."""

from pathlib import Path

import pytest

from huberflow.components.contracts.evaluation_config import (
    EvaluationConfig,
    GateBound,
    MetricConfig,
)
from huberflow.components.contracts.features import FeaturesConfig
from huberflow.components.contracts.model_config import (
    EvaluatorConfig,
    ModelConfig,
    ObjectChoice,
    TrainerConfig,
    TrainingConfig,
)
from huberflow.components.contracts.node_config import DrawnShares, ExampleGenConfig, SplitDays
from huberflow.components.contracts.target import Target
from huberflow.custom_objects.user_objects import UserModule, UserObjects

SOURCE = {"components/a.py": "0123456789ab"}
LOSS = ObjectChoice(name="HuberLoss", config={"threshold": 2.0})
OBJECTS = UserObjects("f" * 64, {"mine": UserModule(("mine.py",), "e" * 64)}, (), folder=Path("/a"))
TRAINER = TrainerConfig(
    source=SOURCE,
    label=("fare", "tips"),
    weight="trips",
    seed=3,
    objects=OBJECTS,
    features=FeaturesConfig(
        numeric=("miles",),
        categorical=("company",),
        cyclic={"hour": 24.0},
        dates={"day": "YYYY-MM-DD", "start": "YYYY-MM-DD hh:mm"},
        vocabulary_size=7,
    ),
    model=ModelConfig(
        hidden_units=(8, 4), embedding_dimension=2, activation=LOSS, initializer=LOSS
    ),
    training=TrainingConfig(loss=LOSS, optimizer=LOSS, metrics=(LOSS,), steps_per_epoch=5),
)
RECORDS = [
    TRAINER,
    EvaluatorConfig(
        source=SOURCE,
        label="kind",
        classes=("a", "b"),
        evaluation=EvaluationConfig(
            metrics=(MetricConfig(name="HuberMetric", key="huber", config={"threshold": 2.0}),),
            slices=(("a",), ("a", "b")),
            gate=(GateBound(metric="huber", slice={"a": 7}, upper_bound=1.5),),
        ),
    ),
    ExampleGenConfig(
        source=SOURCE,
        column="day",
        days=SplitDays(written="YYYY-MM-DD", validation="2024-01-02", eval="2024-02-01"),
        draw=DrawnShares(train=6, validation=1),
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_equal(record):
    assert type(record).from_text(record.to_text()) == record
    assert type(record).from_json(record.to_json()) == record


def test_an_unknown_or_missing_field_is_refused():
    fields = TRAINER.to_json()
    with pytest.raises(TypeError, match="epocs"):
        TrainingConfig.from_json({**fields["training"], "epocs": 3})
    del fields["seed"]
    with pytest.raises(TypeError, match="seed"):
        TrainerConfig.from_json(fields)


def test_columns_follow_from_the_config():
    assert TRAINER.target == Target(("fare", "tips"))
    assert TRAINER.label_and_weight == ["fare", "tips", "trips"]
    assert TRAINER.features.columns == ["miles", "company", "hour", "day", "start"]
    assert TRAINER.features.numbers == 2 * (1 + 1 + 3 + 4)
