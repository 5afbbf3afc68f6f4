"""The one config of a run: frozen, strict, and checked before TensorFlow is imported.

The descriptions here are the comments of ``default.yaml`` and of ``huberflow config``.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from components.features import DATE_FORMATS, label_and_weight
from custom_objects import catalogue
from pipeline import tasks
from pipeline.tracking.masking import masked_text


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Choice(_Strict):
    """An object by name, and its arguments."""

    name: str
    config: dict[str, Any] = {}


def _of(kind: catalogue.Kind) -> AfterValidator:
    def known(choice: Choice) -> Choice:
        _check(kind, choice.name, choice.config)
        return choice

    return AfterValidator(known)


def _check(kind: catalogue.Kind, name: str, config: dict[str, Any]) -> None:
    """``catalogue.check``, naming the key below the choice that is wrong."""
    try:
        catalogue.check(kind, name, config)
    except LookupError as error:
        raise ValueError(f"name: {error.args[0]}") from error
    except ValueError as error:
        raise ValueError(f"config.{error}") from error


Loss = Annotated[Choice, _of("loss")]
Metric = Annotated[Choice, _of("metric")]
Layer = Annotated[Choice, _of("layer")]
Activation = Annotated[Choice, _of("activation")]
Initializer = Annotated[Choice, _of("initializer")]
Regularizer = Annotated[Choice, _of("regularizer")]
Constraint = Annotated[Choice, _of("constraint")]
Optimizer = Annotated[Choice, _of("optimizer")]


def _known_format(written: str) -> str:
    if written not in DATE_FORMATS:
        raise ValueError(f"expected one of {', '.join(DATE_FORMATS)}, received {written!r}")
    return written


DateFormat = Annotated[str, AfterValidator(_known_format)]


class Days(_Strict):
    """Where dates part the splits: what the look at the data found; older rows are for train."""

    written: DateFormat = Field(description="How the dates are written, such as YYYY-MM-DD.")
    validation: date = Field(description="First day of the rows that early stopping looks at.")
    eval: date = Field(description="First day of the rows that the Evaluator alone sees.")

    @model_validator(mode="after")
    def _in_order(self) -> "Days":
        if self.validation >= self.eval:
            raise ValueError(
                f"eval: expected a later day than validation, {self.validation}, "
                f"received {self.eval}"
            )
        return self


class Files(_Strict):
    """Files of each split, in place of data.path: each a file, a folder, or a pattern."""

    train: Path | None = Field(None, description="Rows to train on.")
    validation: Path | None = Field(
        None,
        description="Rows that early stopping looks at; null: drawn from the rows to train on.",
    )
    eval: Path | None = Field(None, description="Rows that the Evaluator alone sees.")


class Splits(_Strict):
    """How rows are split: by a hash of their content, by a column, or by the files they lie in."""

    train: PositiveInt = Field(6, description="Share of the rows to train on.")
    validation: PositiveInt = Field(1, description="Share that early stopping looks at.")
    eval: PositiveInt = Field(3, description="Share that the Evaluator alone sees.")
    column: str | None = Field(
        None,
        description="Column that says the split, in words or by a date, the newest rows for eval; "
        "null: a hash.",
    )
    values: dict[str, Literal["train", "validation", "eval"]] = Field(
        {}, description="Split of each value of the column: what the look at the data found."
    )
    days: Days | None = Field(
        None, description="Where its dates part the splits: what the look at the data found."
    )
    files: Files = Files()

    @model_validator(mode="after")
    def _one_way(self) -> "Splits":
        if self.values and self.days:
            raise ValueError(
                "values: expected values or days, received both; "
                "write: --set 'data.splits.values={}'"
            )
        if self.column is None and (self.values or self.days):
            key = "values" if self.values else "days"
            raise ValueError(
                f"column: expected the column of splits.{key}, received null; "
                f"write: --set data.splits.{key}={'{}' if self.values else 'null'}"
            )
        files = [self.files.train, self.files.validation, self.files.eval]
        if any(files) and self.column is not None:
            raise ValueError(
                f"column: expected null beside splits.files, received {self.column!r}; "
                "write: --set data.splits.column=null"
            )
        for name in ("train", "eval"):
            if any(files) and getattr(self.files, name) is None:
                raise ValueError(
                    f"files.{name}: expected files, as other splits have them, received null; "
                    f"write: --set data.splits.files.{name}=PATH"
                )
        return self


def _whole_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_or_several(label: Any) -> Any:
    names = [label] if isinstance(label, str) else label
    texts = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    if not texts or not names or len(set(names)) < len(names):
        raise ValueError("expected a column, or a list of columns, each once")
    return names[0] if len(names) == 1 else tuple(names)


class Data(_Strict):
    """Where the rows come from."""

    path: Path | None = Field(
        None,
        description="CSV, Parquet or TFRecord of tf.Examples: a file, a folder, or a pattern such "
        "as data/*.csv; null: the Chicago Taxi trips in TFX.",
    )
    label: Annotated[str | tuple[str, ...], BeforeValidator(_one_or_several)] = Field(
        "fare",
        description="Column to predict, or a list of them; rows without it are set aside.",
    )
    classes: tuple[Annotated[str, BeforeValidator(_whole_as_text)], ...] = Field(
        (),
        description="The label's values, for a classification; rows with any other are set aside. "
        "Of two, the probability of the second is predicted.",
    )
    weight: str | None = Field(
        None,
        description="Column of how much each row counts, in the loss and in every metric; null: "
        "all alike.",
    )
    exclude: tuple[str, ...] = Field((), description="Columns that are no features.")
    keep: tuple[str, ...] = Field(
        (), description="Columns that are features though the look at the data leaves them out."
    )
    left_out: dict[str, str] = Field(
        {}, description="Columns that are no features, and why: what the look at the data found."
    )
    rows_without_label: Annotated[int, Field(ge=0)] = Field(
        0, description="How many are set aside: what the look at the data found."
    )
    # Under its own name it would hide a method of pydantic's.
    pinned_schema: Path | None = Field(
        None,
        alias="schema",
        description="Schema that the data must fit, see huberflow schema --help; null: inferred "
        "from the train rows, and what does not fit is only told.",
    )
    drift_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1,
        # By chance alone, 600 rows against 300 stay below 0.05, where tails are heavy below 0.2;
        # 60 against 30 reach 0.3. A shift by one standard deviation gives 0.2.
        description="Told of a column that changed by more, since the last other data (drift) or "
        "from train to eval rows (skew): 0 is alike, 1 nothing in common.",
    )
    splits: Splits = Splits()

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @model_validator(mode="after")
    def _of_one_place(self) -> "Data":
        files, path = self.splits.files.train, self.path
        if files is not None and path is not None:
            raise ValueError(
                f"path: expected null beside splits.files, received {str(path)!r}; "
                "write: --set data.path=null"
            )
        column = self.splits.column
        if column is not None and path is None:
            raise ValueError(
                "splits.column: expected null for the taxi trips, "
                f"received {column!r}; write: --data PATH"
            )
        if column in self.labels:
            raise ValueError(
                f"splits.column: expected a column that is not the label, received {column!r}"
            )
        return self

    def paths(self) -> dict[str, str]:
        """See ``paths_of``."""
        return paths_of(self.model_dump(mode="json"))


def paths_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Where the user's own rows lie, by key of the config; nowhere: the taxi trips.

    Args:
      data: section of a config, plain; it may be wrong, as the config itself will say.
    """
    files = _section(_section(data, "splits"), "files")
    named = {"data.path": data.get("path")}
    named |= {f"data.splits.files.{split}": files.get(split) for split in Files.model_fields}
    return {key: str(path) for key, path in named.items() if path is not None}


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    below = values.get(key)
    return below if isinstance(below, Mapping) else {}


class Features(_Strict):
    """How each raw column is used; a column named nowhere is not used."""

    numeric: tuple[str, ...] = Field(
        (
            "trip_miles",
            "trip_seconds",
            "pickup_latitude",
            "pickup_longitude",
            "dropoff_latitude",
            "dropoff_longitude",
        ),
        description="Standardised; the mean where missing, and marked.",
    )
    categorical: tuple[str, ...] = Field(
        ("company", "payment_type", "pickup_community_area", "dropoff_community_area"),
        description="Values from a vocabulary, embedded; missing is a value of its own.",
    )
    cyclic: dict[str, PositiveFloat] = Field(
        {"trip_start_hour": 24.0, "trip_start_day": 7.0, "trip_start_month": 12.0},
        description="Columns that come round, with their period; a point on a circle.",
    )
    dates: dict[str, DateFormat] = Field(
        {}, description="Columns of dates written as text, with their format, such as YYYY-MM-DD."
    )
    vocabulary_size: PositiveInt = Field(
        1000, description="Most frequent values kept, over all categories; others are unknown."
    )

    @model_validator(mode="after")
    def _used_once(self) -> "Features":
        columns = self.columns()
        repeated = sorted({column for column in columns if columns.count(column) > 1})
        if repeated:
            raise ValueError(f"expected each column once, received twice: {', '.join(repeated)}")
        if not columns:
            raise ValueError("expected at least one column, received none")
        return self

    def columns(self) -> list[str]:
        """All raw columns that the model reads."""
        return [*self.numeric, *self.categorical, *self.cyclic, *self.dates]


class Model(_Strict):
    """The network; every object by name, ours or tf_keras's."""

    task: catalogue.Task = Field(
        "regression",
        description="regression, numbers; binary, one of two classes; multiclass, one of several.",
    )
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64, 32), description="Width of each dense layer."
    )
    embedding_dimension: PositiveInt = Field(4, description="Width of each category's embedding.")
    activation: Activation = Field(Choice(name="relu"), description="Of the dense layers.")
    initializer: Initializer = Field(
        Choice(name="GlorotNormalInitializer"), description="Of the dense layers' weights."
    )
    regularizer: Regularizer | None = Field(
        Choice(name="L1Regularizer", config={"factor": 1e-5}),
        description="Of the dense layers' weights, or null.",
    )
    constraint: Constraint | None = Field(
        None, description="Of the dense layers' weights, such as {name: PositiveWeights}, or null."
    )
    activity_regularization: Layer | None = Field(
        Choice(name="ActivityRegularizationLayer", config={"rate": 1e-6}),
        description="Pass-through layer after the last dense one that adds to the loss, or null.",
    )
    label_scale: Literal["none", "standard", "log"] = Field(
        "none",
        description="In what the network thinks: standard, deviations from the median; log, the "
        "same of log(1 + label). Loss, metrics and predictions are in label units.",
    )
    metric_logging: bool = Field(
        True, description="Log the last dense layer's deviation as std_of_activation."
    )
    build: str | None = Field(
        None,
        description="A function of your own that builds the network in place of ours, such as "
        "my_model.py:build_model, or null.",
    )


class Training(_Strict):
    """How the model is fitted."""

    loss: Loss = Field(
        Choice(name="HuberLoss", config={"threshold": 1.0}),
        description="What is minimised, in units of the label.",
    )
    metrics: tuple[Metric, ...] = Field(
        (
            Choice(name="HuberMetric", config={"threshold": 1.0}),
            Choice(name="MeanAbsoluteError"),
        ),
        description="Logged per epoch, on train and validation rows.",
    )
    optimizer: Optimizer = Field(
        Choice(name="Adam", config={"learning_rate": 0.003}), description="How steps are taken."
    )
    epochs: PositiveInt = Field(20, description="At most this many; early stopping may end sooner.")
    steps_per_epoch: PositiveInt | None = Field(
        None, description="Batches in an epoch; null: all rows once."
    )
    batch_size: PositiveInt = Field(256, description="Rows per step, over all replicas.")
    early_stopping_patience: PositiveInt | None = Field(
        5, description="Epochs without a better validation loss before it stops; null: never."
    )
    mixed_precision: bool = Field(
        False, description="float16 arithmetic with float32 weights; pays on a GPU."
    )


class EvaluationMetric(Choice):
    """A metric by name, its arguments, and its key in every report."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _text_or_whole(value: Any) -> Any:
    """One message for both: pydantic has one for each type of a union."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("expected text or a whole number")
    return value


class Bound(_Strict):
    """One condition that a model must meet to be blessed."""

    metric: str = Field(description="Key of a metric.")
    slice: dict[str, Annotated[str | int, BeforeValidator(_text_or_whole)]] | None = Field(
        None, description="Rows it holds for, such as {payment_type: Cash}; null: all."
    )
    lower_bound: float | None = Field(None, description="At least this.")
    upper_bound: float | None = Field(None, description="At most this.")
    max_increase: float | None = Field(
        None,
        description="At most this share above the last blessed model's; 0.05 is 5 %.",
    )
    max_decrease: float | None = Field(
        None,
        description="At most this share below it, where more is better, such as an accuracy.",
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> "Bound":
        changes = (self.max_increase, self.max_decrease)
        if (self.lower_bound, self.upper_bound, *changes) == (None, None, None, None):
            raise ValueError(
                "expected lower_bound, upper_bound, max_increase or max_decrease, received none"
            )
        if None not in changes:
            raise ValueError("expected max_increase or max_decrease, received both")
        return self


class Evaluation(_Strict):
    """How a model is judged; the same for every model, so that runs compare."""

    metrics: tuple[Annotated[EvaluationMetric, _of("metric")], ...] = Field(
        (
            EvaluationMetric(name="HuberMetric", config={"threshold": 1.0}, key="huber"),
            EvaluationMetric(name="MeanAbsoluteError", key="mae"),
            EvaluationMetric(name="RootMeanSquaredError", key="rmse"),
            EvaluationMetric(
                name="AbsoluteErrorQuantile", config={"quantile": 0.5}, key="median_error"
            ),
            EvaluationMetric(
                name="AbsoluteErrorQuantile", config={"quantile": 0.95}, key="tail_error"
            ),
        ),
        description="Computed on the eval split, beside example_count and calibration.",
    )
    slices: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(
        (("payment_type",), ("trip_start_hour",)),
        description="Columns (or combinations of columns) whose values are judged apart.",
    )
    gate: Annotated[tuple[Bound, ...], Field(min_length=1)] = Field(
        (Bound(metric="huber", upper_bound=3.0, max_increase=0.1),),
        description="What a model must meet to be pushed.",
    )

    @model_validator(mode="after")
    def _gate_names_slices(self) -> "Evaluation":
        keys = [metric.key for metric in self.metrics]
        if len(set(keys)) < len(keys):
            raise ValueError(f"metrics: expected each key once, received {', '.join(keys)}")
        for place, bound in enumerate(self.gate):
            if bound.slice and set(bound.slice) not in map(set, self.slices):
                slices = " or ".join(", ".join(columns) for columns in self.slices)
                raise ValueError(
                    f"gate.{place}.slice: expected values of one of the slices ({slices}), "
                    f"received {', '.join(bound.slice)}"
                )
        return self


_STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")


def _known_store(uri: str) -> str:
    scheme = re.match(r"(\w+)(\+\w+)?://", uri)
    if scheme is None or scheme[1] not in _STORES:
        raise ValueError(
            "expected the address of an MLflow server or database, such as "
            f"http://127.0.0.1:5000 or sqlite:////data/mlflow.db, received {masked_text(uri)!r}"
        )
    return uri


class Tracking(_Strict):
    """Where runs are kept for comparing; a run never waits for it or fails with it."""

    enabled: bool = Field(True, description="Mirror every run into MLflow.")
    uri: Annotated[str, AfterValidator(_known_store)] | None = Field(
        None,
        description="MLflow server or database; null: $MLFLOW_TRACKING_URI, else the workspace.",
    )
    experiment: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Runs that belong together; null: the model's name."
    )
    run_name: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="For people; null: what differs from the defaults."
    )
    patience: PositiveInt = Field(
        60, description="Seconds that a finished run waits for a slow server."
    )


def _option(value: Any) -> Any:
    """One message for all types of the union."""
    if value is False:
        raise ValueError(
            "expected a value, or true for an option that has none, received false; leave it out, "
            "or write its opposite, such as no_use_public_ips: true"
        )
    items = value if isinstance(value, list | tuple) else [value]
    if not items or not all(isinstance(item, str | int | float | dict) for item in items):
        raise ValueError(f"expected text, a number, true, a list or a mapping, received {value!r}")
    return value


_OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Beam(_Strict):
    """Where rows are read, analysed and evaluated; training stays here."""

    runner: Literal["local", "flink", "spark", "dataflow"] = Field(
        "local",
        description="local: in this process, or where the rows are many in several; or a cluster.",
    )
    options: dict[_OptionName, Annotated[Any, BeforeValidator(_option)]] = Field(
        {}, description="Beam's own, such as {flink_master: 127.0.0.1:8081, parallelism: 8}."
    )


_BUCKETS = ("gs://", "s3://", "minio://")


def _bucket(uri: str) -> str:
    if not uri.startswith(_BUCKETS):
        raise ValueError(f"expected a folder of a bucket ({', '.join(_BUCKETS)}), received {uri!r}")
    return uri


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"expected an absolute path, received {str(path)!r}")
    return path


def _absolute_or_bucket(folder: str) -> str:
    if not folder.startswith(("/", "gs://")):
        raise ValueError(f"expected an absolute path or a gs:// address, received {folder!r}")
    return folder


_KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class TrainerContainer(_Strict):
    """What the Trainer's container gets; null: what the cluster gives to all."""

    cpu: PositiveFloat | None = Field(None, description="Processor cores.")
    memory_gb: PositiveFloat | None = Field(None, description="Gigabytes of memory.")
    accelerators: Annotated[int, Field(ge=0)] = Field(0, description="How many GPUs or the like.")
    accelerator: str = Field("nvidia.com/gpu", description="Their type, as the cluster names it.")


class Kubeflow(_Strict):
    """The cluster that `huberflow compile --target kubeflow` writes for."""

    pipeline_root: Annotated[str, AfterValidator(_bucket)] | None = Field(
        None,
        description="Folder of a bucket for what runs write, such as gs://bucket/runs; null: the "
        "cluster's own.",
    )
    volume: _KubernetesName | None = Field(
        None, description="PersistentVolumeClaim for the models that serve; its name."
    )
    mount: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("/huberflow"),
        description="Where containers have that volume; models are in serving/ below it.",
    )
    data: Annotated[str, AfterValidator(_absolute_or_bucket)] | None = Field(
        None,
        description="Where containers find your own rows: a folder on the volume, or of a gs:// "
        "bucket.",
    )
    schema_file: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Where containers find the file of data.schema, on the volume."
    )
    tracking_from: _KubernetesName | None = Field(
        None,
        description="Kubernetes secret with the tracking server under the key MLFLOW_TRACKING_URI; "
        "null: tracking.uri.",
    )
    trainer: TrainerContainer = TrainerContainer()


class Config(_Strict):
    """Everything that decides what a run does."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")] = Field(
        "taxi", description="The model's name, and its folder under serving/."
    )
    workspace: Path = Field(
        Path("workspace"), description="Folder for all that runs write; deleting it is a reset."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        42, description="Makes training repeat on the same machine."
    )
    objects: tuple[Path, ...] = Field(
        (),
        description="Python files or packages with losses, metrics, layers of your own.",
    )
    data: Data = Data()
    features: Features = Features()
    model: Model = Model()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    beam: Beam = Beam()
    tracking: Tracking = Tracking()
    kubeflow: Kubeflow = Kubeflow()

    @model_validator(mode="after")
    def _label_and_weight_are_no_features(self) -> "Config":
        labels, weight = self.data.labels, self.data.weight
        for key, column in (*(("data.label", label) for label in labels), ("data.weight", weight)):
            if column in self.features.columns():
                raise ValueError(
                    f"{key}: expected a column that is no feature, received {column!r}"
                )
        if weight in labels:
            raise ValueError(
                f"data.weight: expected a column that is not the label, received {weight!r}"
            )
        return self

    @model_validator(mode="after")
    def _split_is_no_feature(self) -> "Config":
        splits = self.data.splits
        if splits.values and splits.column in self.features.columns():
            raise ValueError(
                "data.splits.column: expected a column that is no feature, "
                f"received {splits.column!r}"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_task(self) -> "Config":
        tasks.check(self)
        return self

    def columns(self) -> list[str]:
        """All raw columns that a run reads."""
        return [*label_and_weight(self.plain()["data"]), *self.features.columns()]

    def plain(self) -> dict[str, Any]:
        """As JSON-safe values."""
        return self.model_dump(mode="json", by_alias=True)
