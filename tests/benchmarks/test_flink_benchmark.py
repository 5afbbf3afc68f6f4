import hashlib
from pathlib import Path

import pytest

from benchmarks.flink import against_local, jars

PRINTED = """\
preflight     ok, 23 s
run 2026-11-22T19-02-10
  ExampleGen        ran       41.8 s  first run
  StatisticsGen     ran       37.2 s  first run
  EarlierData       resolved   0.0 s  no other data
  Transform         ran       76.0 s  first run
                    epoch 1/1  loss 4.636  val_loss 2.515
  Trainer           ran        5.4 s  first run
  Evaluator         ran       15.4 s  first run
"""


def test_what_counts_is_the_time_of_the_nodes_whose_rows_beam_processes():
    assert against_local.beam_seconds(PRINTED) == pytest.approx(41.8 + 37.2 + 76.0 + 15.4)
    with pytest.raises(KeyError, match="Transform"):
        against_local.beam_seconds(PRINTED.replace("Transform         ran", "Transform  cached"))


class TestJar:
    @pytest.fixture
    def maven(self, tmp_path, monkeypatch) -> Path:
        """A program in Maven's place, that gives out one part, and a whole that is made of it."""
        maven = tmp_path / "bin" / "mvn"
        maven.parent.mkdir()
        maven.write_text(
            '#!/bin/sh\nfor last; do :; done\nfolder="${last#*=}"\n'
            '/bin/mkdir "$folder/parts" "$folder/whole"\n'
            f'/bin/cp {tmp_path}/part.jar "$folder/parts"\n'
            f'/bin/cp {tmp_path}/part.jar "$folder/whole/flink.jar"\n'
        )
        maven.chmod(0o700)
        (tmp_path / "part.jar").write_bytes(b"Flink")
        hashes = tmp_path / "jars.sha256"
        hashes.write_text(f"{hashlib.sha256(b'Flink').hexdigest()}  part.jar\n")
        monkeypatch.setattr(jars, "HASHES", hashes)
        monkeypatch.setenv("PATH", str(maven.parent))
        return maven

    def test_is_made_once_and_kept_without_its_parts(self, maven, tmp_path):
        jar = jars.jar(tmp_path / "kept")
        assert [each.read_bytes() for each in jar.parent.iterdir()] == [b"Flink"]
        maven.unlink()
        assert jars.jar(tmp_path / "kept") == jar

    def test_is_made_anew_of_other_parts(self, maven, tmp_path):
        before = jars.jar(tmp_path / "kept")
        (tmp_path / "part.jar").write_bytes(b"Flonk")
        jars.HASHES.write_text(f"{hashlib.sha256(b'Flonk').hexdigest()}  part.jar\n")
        assert jars.jar(tmp_path / "kept").read_bytes() == b"Flonk"
        assert before.read_bytes() == b"Flink"

    @pytest.mark.parametrize(("part", "hashes"), [(b"Flunk", None), (b"Flink", "")])
    def test_of_another_part_is_refused_and_not_kept(self, maven, tmp_path, part, hashes):
        (tmp_path / "part.jar").write_bytes(part)
        if hashes is not None:
            jars.HASHES.write_text(hashes)
        with pytest.raises(ValueError, match=r"jars\.sha256, received .*: part\.jar"):
            jars.jar(tmp_path / "kept")
        assert list((tmp_path / "kept").iterdir()) == []

    def test_cannot_be_had_without_maven_or_where_the_net_refuses(self, maven, tmp_path):
        maven.write_text("#!/bin/sh\necho '[ERROR] Unknown host repo.maven.apache.org'; exit 1\n")
        with pytest.raises(jars.MissingError, match="Unknown host repo"):
            jars.jar(tmp_path / "kept")
        maven.unlink()
        with pytest.raises(jars.MissingError, match="write: apt-get install maven"):
            jars.jar(tmp_path / "kept")
