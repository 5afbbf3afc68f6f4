# Replaces Beam's image of the job server for Flink without a registry: its jars, in an older version
# with the same protocol.
FROM scratch
COPY . /opt/apache/beam/jars
