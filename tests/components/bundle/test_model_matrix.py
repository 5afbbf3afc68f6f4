"""Every kind of model arrives where only TensorFlow is: it predicts, is judged and trains the same.

Compared bit for bit with the model in memory.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import model_matrix
import numpy as np
import pytest
import reloaded_matrix
from bare_environment import BareEnvironment

from huberflow.components.bundle import bundle, reload
from huberflow.components.bundle.save import save_bundle
from huberflow.custom_objects.input_error import InputError

KINDS = {name: make for kinds in model_matrix.KINDS.values() for name, make in kinds.items()}
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Journey:
    """What a model does here after its export, and what its reload does there."""

    statement: str
    here: dict[str, np.ndarray]
    folder: Path

    @property
    def there(self) -> dict[str, np.ndarray]:
        failure = self.folder / reloaded_matrix.FAILURE
        assert not failure.exists(), failure.read_text()
        with np.load(self.folder / reloaded_matrix.RESULT) as file:
            return dict(file)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A process where only TensorFlow and tf_keras are, which reloads while this one trains."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = BareEnvironment(folder / "environment")
    script = folder / "script.py"
    script.write_text(Path(reloaded_matrix.__file__).read_text())
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [environment.python, "-I", script],
            stdin=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env={"TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        yield process
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def journeys(request, elsewhere, tmp_path_factory):
    """A journey for each kind that is to be tested, or the error that it ended with here."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [each.params["travelled"] for each in parameters if each and "travelled" in each.params]
    folder = tmp_path_factory.mktemp("kinds")
    made = {}
    for place, name in enumerate(dict.fromkeys(asked)):
        try:
            made[name] = journey(KINDS[name](), folder / str(place), elsewhere)
        except Exception as error:  # it is this kind's alone
            made[name] = error
    elsewhere.communicate()
    assert elsewhere.returncode == 0
    return made


def journey(case, folder, elsewhere):
    rows = case.inputs, case.labels, case.sample_weight
    fit(case)
    bundle.capture(case.model, folder / "captured", *rows)
    case.model.save(folder / "saved", save_format="tf")
    made = bundle.assemble(folder / "saved", folder / "captured", folder / "bundle", None)
    print(json.dumps([str(folder), case.class_weight]), file=elsewhere.stdin, flush=True)
    here = reloaded_matrix.done(reload, case.model, rows, case.class_weight)
    return Journey(made["proof"]["statement"], here, folder)


def fit(case):
    """Two steps."""
    case.model.fit(
        case.inputs,
        case.labels,
        sample_weight=case.sample_weight,
        class_weight=case.class_weight,
        batch_size=reloaded_matrix.BATCH,
        verbose=0,
    )


@pytest.fixture(params=KINDS)
def travelled(request, journeys):
    found = journeys[request.param]
    if isinstance(found, Exception):
        raise found
    return found


def differing(travelled, kind):
    here = {name: each for name, each in travelled.here.items() if name.startswith(kind)}
    there = {name: each for name, each in travelled.there.items() if name.startswith(kind)}
    assert here
    assert here.keys() == there.keys()
    return [name for name, each in here.items() if each.tobytes() != there[name].tobytes()]


class TestEachKind:
    def test_has_all_its_values_and_the_check_holds_them(self, travelled):
        assert "Does not prove" not in travelled.statement
        assert travelled.there["check"].tolist() == []
        assert "steps" in travelled.there["held"]

    def test_predicts_the_same(self, travelled):
        assert differing(travelled, "predict") == []

    def test_loss_and_metrics_are_the_same(self, travelled):
        assert differing(travelled, "evaluate") == []

    def test_training_goes_on_as_it_would_have(self, travelled):
        assert differing(travelled, "resume") == []
        assert len(set(travelled.here["resume/history/loss"])) == 2, "a poor example"


class TestRefused:
    @pytest.mark.parametrize("name", model_matrix.REFUSED)
    def test_says_why_before_anything_is_written(self, name, tmp_path):
        refused = model_matrix.REFUSED[name]
        case = refused.make()
        fit(case)
        with pytest.raises(InputError) as caught:
            bundle.capture(case.model, tmp_path / "captured", case.inputs, case.labels)
        assert caught.value.key == refused.key
        assert refused.expected in caught.value.expected
        assert not list(tmp_path.iterdir())

    def test_of_two_networks_the_one_that_predicts_is_bundled(self, tmp_path):
        case = model_matrix.REFUSED["other arguments of compile (a GAN)"].make()
        fit(case)
        generator = case.model.generator
        certificate = save_bundle(generator, tmp_path / "bundle", case.inputs, check=False)
        assert certificate["proof"]["statement"].startswith("Proves: predictions and the answers")
        assert reload.check(tmp_path / "bundle")["ok"]


class TestGuide:
    def test_lists_every_kind(self):
        listed = {group: names.split("; ") for group, names in listed_rows(columns=2)}
        assert listed == {group: [*kinds] for group, kinds in model_matrix.KINDS.items()}
        assert sum(map(len, listed.values())) >= 40

    def test_lists_what_is_refused(self):
        listed = {name: (key, expected) for name, key, expected in listed_rows(columns=3)}
        assert listed.keys() == model_matrix.REFUSED.keys()
        for name, refused in model_matrix.REFUSED.items():
            key, expected = listed[name]
            assert key == f"`{refused.key}`"
            assert refused.expected in expected


def listed_rows(columns):
    """The rows of the guide's table with so many columns, less its head."""
    guide = (ROOT / "docs/supported.md").read_text()
    section = guide.partition("\n## Kinds of model\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return [row for row in rows if len(row) == columns][2:]
