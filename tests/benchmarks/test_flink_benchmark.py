import hashlib
from pathlib import Path

import pytest

from benchmarks.flink import against_local, jars

PRINTED = """\
preflight     ok, 23 s
run 2026-11-22T19-02-10
  ExampleGen        ran       41.8 s  first run
  StatisticsGen     ran       37.2 s  first run
  EarlierData       cached     0.0 s  no other data
  Transform         ran       76.0 s  first run
                    epoch 1/1  loss 4.636  val_loss 2.515
  Trainer           ran        5.4 s  first run
  Evaluator         ran       15.4 s  first run
"""


def test_what_counts_is_the_time_of_the_nodes_whose_rows_beam_processes():
    assert against_local.added_up(PRINTED) == pytest.approx(41.8 + 37.2 + 76.0 + 15.4)


def test_a_node_that_did_not_run_is_no_fast_node():
    with pytest.raises(KeyError, match="Transform"):
        against_local.added_up(PRINTED.replace("Transform         ran", "Transform         cached"))


class TestJars:
    @pytest.fixture
    def maven(self, tmp_path, monkeypatch) -> Path:
        """A program in Maven's place, that gives out one jar."""
        maven = tmp_path / "bin" / "mvn"
        maven.parent.mkdir()
        maven.write_text(
            '#!/bin/sh\nfor last; do :; done\nfolder="${last#*=}"\n'
            f'/bin/mkdir -p "$folder" && /bin/cp {tmp_path}/flink.jar "$folder"\n'
        )
        maven.chmod(0o700)
        (tmp_path / "flink.jar").write_bytes(b"Flink")
        hashes = tmp_path / "jars.sha256"
        hashes.write_text(f"{hashlib.sha256(b'Flink').hexdigest()}  flink.jar\n")
        monkeypatch.setattr(jars, "HASHES", hashes)
        monkeypatch.setenv("PATH", str(maven.parent))
        return maven

    def test_are_fetched_once(self, maven, tmp_path):
        folder = jars.fetched(tmp_path / "kept")
        assert [jar.name for jar in folder.iterdir()] == ["flink.jar"]
        maven.unlink()
        assert jars.fetched(tmp_path / "kept") == folder

    def test_with_another_content_are_refused_and_not_kept(self, maven, tmp_path):
        (tmp_path / "flink.jar").write_bytes(b"Flunk")
        with pytest.raises(ValueError, match=r"jars\.sha256, received .* flink\.jar"):
            jars.fetched(tmp_path / "kept")
        assert list((tmp_path / "kept").iterdir()) == []

    def test_that_changed_since_are_refused(self, maven, tmp_path):
        (jars.fetched(tmp_path / "kept") / "more.jar").touch()
        with pytest.raises(ValueError, match=r"received .* more\.jar"):
            jars.fetched(tmp_path / "kept")

    def test_cannot_be_had_without_maven(self, maven, tmp_path):
        maven.unlink()
        with pytest.raises(jars.MissingError, match="no mvn; apt-get install maven"):
            jars.fetched(tmp_path / "kept")

    def test_cannot_be_had_where_the_net_refuses(self, maven, tmp_path):
        maven.write_text("#!/bin/sh\necho '[ERROR] Unknown host repo.maven.apache.org'; exit 1\n")
        with pytest.raises(jars.MissingError, match="Unknown host repo"):
            jars.fetched(tmp_path / "kept")
