"""Sources are read whole, part by part."""

from __future__ import annotations

import apache_beam as beam
import tensorflow as tf
from apache_beam.testing.util import assert_that, equal_to

from huberflow.components.beam.splittable_reads import DistributedRead

ALONE = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


def test_every_record_of_every_file_is_read_once(tmp_path):
    records = [b"%d of %d" % (n, number) for number in range(1, 5) for n in range(number)]
    for number in range(1, 5):
        with tf.io.TFRecordWriter(f"{tmp_path}/{number}.gz", "GZIP") as file:
            for record in records:
                if record.endswith(b"%d" % number):
                    file.write(record)
    with beam.Pipeline(argv=ALONE) as pipeline:
        read = pipeline | DistributedRead(beam.io.ReadFromTFRecord(f"{tmp_path}/*.gz")._source)
        assert_that(read, equal_to(records))


def test_a_large_file_is_read_in_parts(tmp_path):
    lines = [f"{number:099d}" for number in range(40_000)]  # 4 MB
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    with beam.Pipeline(argv=ALONE) as pipeline:
        source = beam.io.ReadFromText(f"{tmp_path}/lines.txt")._source
        assert len(list(source.split(beam.io.iobase.Read.get_desired_chunk_size(4_000_000)))) > 1
        read = pipeline | DistributedRead(source)
        assert_that(read, equal_to(lines))
