# Stands in for Beam's own image of a job server for Flink where no registry can be reached: its
# jars, of an older version that speaks the same protocol.
FROM scratch
COPY . /opt/apache/beam/jars
