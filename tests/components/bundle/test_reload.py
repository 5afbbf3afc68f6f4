"""A bundle reloads with the same values in another process, or is refused."""

import contextlib
import json
import shutil
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_bundles import bundled, edited, examples, parsed, rewritten, trained

from huberflow.components.bundle import reload

# Runs in isolated mode: of our packages, nothing can be imported.
ELSEWHERE = """
import importlib.util, json, sys
path, libraries, rows = sys.argv[1], sys.argv[2], sys.argv[3]
sys.path.append(libraries)
before = list(sys.path)
assert importlib.util.find_spec("huberflow") is None
spec = importlib.util.spec_from_file_location("reload", path + "/assets.extra/reload.py")
reload = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reload)
import numpy as np, tf_keras
registry = dict(tf_keras.utils.get_custom_objects())
rows = np.load(rows)
inputs, label = {name: rows[name] for name in ("numbers", "indices")}, rows["label"]
model = reload.load(path)
evaluated = model.evaluate(inputs, label, batch_size=96, verbose=0, return_dict=True)
losses = [model.train_on_batch(inputs, label, return_dict=True)["loss"] for _ in range(3)]
print(json.dumps({
    "check": reload.check(path),
    "evaluated": evaluated,
    "losses": [float(loss) for loss in losses],
    "weights": [weight.tolist() for weight in model.get_weights()],
    "loss": [type(model.loss).__name__, model.loss.threshold],
    "left_behind": [name for name in sys.modules if name.startswith("huberflow")],
    "as_before": sys.path == before and tf_keras.utils.get_custom_objects() == registry,
}))
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A trained model; ``bundle`` is its bundle, ``losses`` those of its further steps."""
    model = trained(threshold=2.0)
    made = types.SimpleNamespace(
        model=model, bundle=bundled(model, tmp_path_factory.mktemp("original"))
    )
    inputs, label = parsed()
    made.evaluated = evaluated(model)
    made.losses = [
        float(model.train_on_batch(inputs, label, return_dict=True)["loss"]) for _ in range(3)
    ]
    return made


@pytest.fixture
def copy(original, tmp_path):
    return Path(shutil.copytree(original.bundle, tmp_path / "copy"))


@pytest.fixture(scope="module")
def elsewhere(original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(original.bundle, folder / "model")
    inputs, label = parsed()
    np.savez(folder / "rows.npz", label=label, **inputs)
    alone = [sys.executable, "-I", "-S", "-c", ELSEWHERE]
    libraries = str(Path(np.__file__).parent.parent)
    finished = subprocess.run(
        [*alone, str(folder / "model"), libraries, str(folder / "rows.npz")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def evaluated(model):
    return model.evaluate(*parsed(), batch_size=96, verbose=0, return_dict=True)


def script(path, *arguments):
    """Runs the bundle's own ``reload.py``."""
    return subprocess.run(
        [sys.executable, str(path / reload.layout.EXTRA / "reload.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def nothing_leaks():
    def state():
        ours = {name: module for name, module in sys.modules.items() if "custom_obj" in name}
        return list(sys.path), list(sys.meta_path), ours, dict(tf_keras.utils.get_custom_objects())

    before = state()
    yield
    assert state() == before


class TestElsewhere:
    def test_all_golden_values_are_the_same_bit_for_bit(self, elsewhere):
        report = elsewhere["check"]
        assert report["ok"]
        assert report["precision"] == "same_machine"
        assert {each["absolute"] for each in report["values"].values()} == {0.0}

    def test_the_next_steps_are_those_of_the_original(self, elsewhere, original):
        # The order in which TensorFlow adds up penalties may show in the last bit of a loss.
        assert elsewhere["losses"] == pytest.approx(original.losses, rel=3e-7)
        for theirs, ours in zip(elsewhere["weights"], original.model.get_weights(), strict=True):
            np.testing.assert_array_equal(np.asarray(theirs, ours.dtype), ours)

    def test_the_loss_keeps_its_threshold(self, elsewhere):
        assert elsewhere["loss"] == ["HuberLoss", 2.0]

    def test_metrics_and_penalties_count(self, elsewhere, original):
        assert elsewhere["evaluated"] == pytest.approx(original.evaluated, rel=3e-7)

    def test_nothing_leaks(self, elsewhere):
        assert elsewhere["left_behind"] == []
        assert elsewhere["as_before"]


class TestLoad:
    def test_saved_again_it_keeps_its_names(self, original, tmp_path):
        reload.load(original.bundle).save(tmp_path / "again", save_format="tf")
        again = tf_keras.models.load_model(tmp_path / "again")
        assert again.loss.threshold == 2.0

    @pytest.mark.parametrize(
        "made", [{"policy": "mixed_float16"}, {"loss": "huber_fn"}], ids=["mixed", "function"]
    )
    def test_other_models_arrive_too(self, made, tmp_path):
        assert reload.check(bundled(trained(**made), tmp_path))["ok"]

    def test_two_bundles_with_other_code_under_the_same_names(self, original, tmp_path):
        """The code of the second also imports inside a function, what only it has."""
        other = bundled(trained(threshold=0.5), tmp_path)
        edited(
            other,
            "huberflow/custom_objects/arguments.py",
            "import math",
            "import math\nFACTOR = 3.0",
        )
        edited(
            other,
            "huberflow/custom_objects/losses.py",
            "    return shapes.per_sample(ops, values)",
            "    from huberflow.custom_objects.arguments import FACTOR\n\n"
            "    values = FACTOR * values\n"
            "    return shapes.per_sample(ops, values)",
        )
        losses = [[0.0], [0.4], [5.0]], [[0.0], [0.0], [0.0]]
        one, two = reload.load(original.bundle), reload.load(other)
        for _ in range(2):
            assert one.loss(*losses).numpy() == pytest.approx((0.08 + 8) / 3)
            assert two.loss(*losses).numpy() == pytest.approx(3 * (0.08 + 2.375) / 3)
            first, second = evaluated(one), evaluated(two)
            assert first == pytest.approx(original.evaluated, rel=3e-7)
            assert second["huber_metric"] > 2 * first["huber_metric"]
        one.fit(*parsed(), verbose=0)
        two.fit(*parsed(), verbose=0)

    def test_tensor_conditions_work_after_the_folder_is_gone(self, copy):
        edited(
            copy,
            "huberflow/custom_objects/losses.py",
            "        return per_sample(huber(errors(y_true, y_pred), self.threshold))",
            "        if tf.reduce_sum(y_true) < 1e9:\n"
            "            return 7.0 * tf.ones_like(y_pred[:, 0])\n"
            "        return 0.0 * y_pred[:, 0]",
        )
        model = reload.load(copy)
        shutil.rmtree(copy)
        assert evaluated(model)["loss"] == pytest.approx(7.0, abs=0.5)

    def test_an_installed_package_of_the_same_name_is_neither_used_nor_changed(
        self, original, monkeypatch
    ):
        class Impostor(tf_keras.losses.Loss):
            def call(self, y_true, y_pred):
                return tf.zeros_like(y_pred[:, 0])

        for module in ("custom_objects", "huberflow.custom_objects.losses"):
            monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
        name = "custom_objects>HuberLoss"
        monkeypatch.setitem(tf_keras.utils.get_custom_objects(), name, Impostor)
        with nothing_leaks():
            model = reload.load(original.bundle)
        assert evaluated(model) == pytest.approx(original.evaluated, rel=3e-7)

    def test_nothing_leaks_from_code_that_fails(self, copy):
        edited(
            copy,
            "huberflow/custom_objects/losses.py",
            "import tensorflow as tf\n",
            "import no_such\n",
        )
        with nothing_leaks(), pytest.raises(ModuleNotFoundError, match="no_such"):
            reload.load(copy)


class TestPredictor:
    def test_answers_as_the_model_does(self, original):
        model = reload.load(original.bundle)
        expected = model.predict(parsed()[0], batch_size=96, verbose=0)[:, 0]
        served = reload.predictor(original.bundle)(examples=examples())["prediction"]
        # Keras runs its own graph: on some processors the last bit of a sum differs.
        np.testing.assert_allclose(served, expected, rtol=1e-6)

    def test_runs_no_custom_code(self, copy):
        edited(
            copy,
            "huberflow/custom_objects/losses.py",
            "import tensorflow as tf\n",
            "import no_such\n",
        )
        assert reload.predictor(copy)(examples=examples()[:1])["prediction"].shape == (1,)

    def test_of_an_unknown_signature_is_refused(self, original):
        with pytest.raises(
            reload.ReloadError, match="expected one of columns, serving_default, received 'rows'"
        ):
            reload.predictor(original.bundle, "rows")

    @pytest.mark.parametrize(
        "values",
        [np.array([1.7, 2.9]), np.array([np.nan]), [None], ["1"], [3_000_000_000], [2**70]],
    )
    def test_whole_numbers_are_not_made_of_others(self, whole_numbers, values):
        with pytest.raises(reload.ReloadError, match=r"i: expected whole numbers \(int32\), rec"):
            whole_numbers(i=values)

    def test_whole_numbers_may_come_in_any_type(self, whole_numbers):
        for values in ([1, 2], np.float64([1, 2]), np.array([1, 2.0], object), np.uint8([1, 2])):
            assert whole_numbers(i=values)["twice"].numpy().tolist() == [2, 4]


@pytest.fixture(scope="module")
def whole_numbers():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="i")])
    def twice(i):
        return {"twice": 2 * i}

    loaded = types.SimpleNamespace(signatures={"twice": twice})
    return reload.asking.signature_of(loaded, "twice", {"i": {"dtype": "int32", "shape": [None]}})


@pytest.fixture
def planted(copy, tmp_path):
    """Code that would leave a trace, in the middle of a bundle."""
    trace = tmp_path / "trace"
    code = f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n"
    return types.SimpleNamespace(code=code, ran=trace.exists, bundle=copy)


class TestTampering:
    def test_a_changed_byte_in_any_file_is_refused_by_name(self, copy):
        files = [file for file in sorted(copy.rglob("*")) if file.is_file()]
        assert len(files) > 15
        files = [file for file in files if file.name != reload.layout.NO_BYTECODE]  # empty
        for file in files:
            content = file.read_bytes()
            for position in (0, len(content) // 2, len(content) - 1):
                changed = bytearray(content)
                changed[position] ^= 1
                file.write_bytes(changed)
                with pytest.raises(reload.ReloadError) as refused:
                    reload.verify(copy)
                assert str(refused.value).startswith(f"{file.relative_to(copy)}: changed")
            file.write_bytes(content)
        assert reload.verify(copy)

    def test_a_missing_file_is_refused_by_name(self, copy):
        for file in [file for file in sorted(copy.rglob("*")) if file.is_file()]:
            if file.name == reload.layout.NO_BYTECODE:
                continue  # a copy may lack it
            content = file.read_bytes()
            file.unlink()
            with pytest.raises(reload.ReloadError, match=f"{file.relative_to(copy)}"):
                reload.verify(copy)
            file.write_bytes(content)

    def test_no_code_of_a_changed_bundle_runs(self, planted):
        source = planted.bundle / "assets.extra/huberflow/custom_objects/losses.py"
        source.write_text(source.read_text() + planted.code)
        for refusing in (reload.load, reload.predictor, reload.check):
            with pytest.raises(
                reload.ReloadError, match=r"^assets.extra/huberflow/custom_objects/losses.py"
            ):
                refusing(planted.bundle)
        assert not planted.ran()
        reload.load(rewritten(planted.bundle))
        assert planted.ran(), "the planted code never runs: a poor example"

    @pytest.mark.parametrize(
        "place", ["huberflow/custom_objects/extra.py", "tensorflow.py", "json.py"]
    )
    def test_an_additional_module_is_refused_and_never_runs(self, planted, place):
        (planted.bundle / "assets.extra" / place).write_text(planted.code)
        finished = script(planted.bundle)
        assert finished.returncode == 1, finished.stderr
        assert finished.stdout.startswith(f"refused: assets.extra/{place}: not part of the bundle")
        assert not planted.ran()

    @pytest.mark.parametrize("name", ["tensorflow", "numpy", "json"])
    def test_a_certified_module_in_place_of_one_that_is_needed_is_refused(self, planted, name):
        files = reload.verify(planted.bundle)["files"]
        module = planted.bundle / f"assets.extra/{name}.py"
        module.write_text(planted.code)
        certified = {**files, f"assets.extra/{name}.py": reload.integrity.digest(module)}
        with pytest.raises(reload.ReloadError, match=f"^{name}: "):
            reload.load(rewritten(planted.bundle, files=certified))
        assert not planted.ran()

    @pytest.mark.parametrize("linked", ["custom_objects/losses.py", "custom_objects"])
    def test_a_link_is_refused(self, copy, tmp_path, linked):
        place = copy / "assets.extra/huberflow" / linked
        shutil.move(place, tmp_path / "moved")
        place.symlink_to(tmp_path / "moved")
        with pytest.raises(reload.ReloadError, match=rf"huberflow/{linked}: expected a plain"):
            reload.load(copy)

    @pytest.mark.parametrize("name", ["../planted.py", "/planted.py", "assets.extra/../../p.py"])
    def test_a_file_outside_of_the_bundle_is_refused(self, copy, name):
        rewritten(copy, files={name: "0" * 64})
        with pytest.raises(reload.ReloadError, match=f"{name}: .* outside of the bundle"):
            reload.load(copy)

    def test_source_that_changes_after_it_was_checked_does_not_run(self, planted, monkeypatch):
        verify = reload.verify

        def verify_then_change(path):
            certificate = verify(path)
            source = planted.bundle / "assets.extra/huberflow/custom_objects/losses.py"
            source.write_text(planted.code)
            return certificate

        monkeypatch.setattr(reload.integrity, "verify", verify_then_change)
        with nothing_leaks(), pytest.raises(reload.ReloadError, match="changed while it was read"):
            reload.load(planted.bundle)
        assert not planted.ran()


class TestRefusal:
    def test_of_a_folder_without_a_certificate(self, tmp_path):
        with pytest.raises(reload.ReloadError, match=r"no assets\.extra/certificate\.json"):
            reload.load(tmp_path)

    def test_of_another_keras_generation(self, copy):
        rewritten(copy, keras_generation="keras 3")
        with pytest.raises(reload.ReloadError, match="expected 'tf_keras 2', received 'keras 3'"):
            reload.load(copy)

    def test_without_tf_keras(self, original, monkeypatch):
        monkeypatch.setitem(sys.modules, "tf_keras", None)
        with pytest.raises(reload.ReloadError, match="not installed: pip install tf-keras"):
            reload.load(original.bundle)

    def test_other_versions_are_one_warning_with_both(self, copy):
        now = reload.releases.versions()
        rewritten(copy, versions={**now, "tensorflow": "2.19.1", "python": "3.9"})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reload.load(copy)
        (warning,) = (each for each in caught if "other versions" in str(each.message))
        assert f"python 3.9, now {now['python']}" in str(warning.message)
        assert f"tensorflow 2.19.1, now {now['tensorflow']}" in str(warning.message)

    def test_no_warning_where_the_versions_are_tested(self, copy):
        now = reload.releases.versions()
        rewritten(copy, versions={**now, "tensorflow": "2.20.0", "tf_keras": "2.20.1"})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reload.load(copy)
        assert not [each for each in caught if "other versions" in str(each.message)]

    def test_of_an_older_keras_that_cannot_load_it(self, copy, monkeypatch):
        def load_model(path):
            raise TypeError("unknown argument 'optional'")

        rewritten(copy, versions={**reload.releases.versions(), "tf_keras": "2.99.0"})
        monkeypatch.setattr(tf_keras.models, "load_model", load_model)
        with (
            pytest.warns(UserWarning, match=r"tf_keras 2\.99\.0"),
            pytest.raises(reload.ReloadError, match=r'pip install "tf-keras==2\.99\.0"'),
        ):
            reload.load(copy)


class TestCheck:
    def test_another_machine_has_the_stated_tolerance(self, copy):
        certificate = json.loads((copy / reload.layout.CERTIFICATE).read_text())
        rewritten(copy, machine={**certificate["machine"], "processor": "another"})
        report = reload.check(copy)
        assert report["ok"]
        assert report["precision"] == "float32"
        allowed = report["values"]["answers/columns/prediction"]["allowed"]
        assert allowed == certificate["tolerances"]["float32"]["answers/columns/prediction"] > 0

    @pytest.mark.parametrize("name", ["answers/columns/prediction", "model/huber_metric", "steps"])
    def test_a_value_that_differs_fails(self, copy, name):
        with np.load(copy / reload.layout.GOLDEN_VALUES) as file:
            golden = dict(file)
        golden[name] = golden[name] + 0.5
        np.savez(copy / reload.layout.GOLDEN_VALUES, **golden)
        report = reload.check(rewritten(copy))
        assert not report["ok"]
        assert [key for key, each in report["values"].items() if not each["ok"]] == [name]
        assert report["values"][name]["absolute"] == pytest.approx(0.5, rel=1e-5)

    def test_a_lost_optimizer_state_fails(self, copy):
        """The first step's loss is the same; the second one's is not."""
        with np.load(copy / reload.layout.OPTIMIZER) as file:
            empty = {name: np.zeros_like(array) for name, array in file.items()}
        np.savez(copy / reload.layout.OPTIMIZER, **empty)
        report = reload.check(rewritten(copy))
        assert [name for name, each in report["values"].items() if not each["ok"]] == ["steps"]

    def test_nothing_but_a_gpu_is_a_gpu(self, original):
        if tf.config.list_logical_devices("GPU"):
            assert reload.check(original.bundle, "gpu")["device"].startswith("GPU")
        else:
            with pytest.raises(reload.ReloadError, match="expected a GPU, received none"):
                reload.check(original.bundle, "gpu")

    def test_the_script_reports_as_json(self, original):
        finished = script(original.bundle, "--check", "--device", "cpu", "--json")
        report = json.loads(finished.stdout)
        assert (finished.returncode, report["ok"], report["device"]) == (0, True, "CPU:0")
        assert set(report["seconds"]) == {"load", "first_prediction", "warm_prediction"}

    def test_the_script_fails_in_words(self, copy):
        (copy / "saved_model.pb").write_bytes(b"")
        finished = script(copy, "--check")
        assert finished.returncode == 1
        assert finished.stdout == (
            "refused: saved_model.pb: changed after the export; copy the model again\n"
        )


def test_an_error_of_the_models_own_code_is_refused_in_a_line(monkeypatch, capsys):
    def check(path, device, allow_ops):
        raise TypeError("in user code:\n\n    File x\n\n    TypeError: no structure\n")

    monkeypatch.setattr(reload.command_line, "check", check)
    assert reload.command_line.main(["--check"], Path("bundle")) == 1
    assert capsys.readouterr().out == "refused: TypeError: no structure\n"
