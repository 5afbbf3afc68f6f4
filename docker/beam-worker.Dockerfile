# A Beam worker (SDK harness) that has huberflow and its packages, for Flink, Spark and Dataflow.
#
#   docker build --file docker/pipeline.Dockerfile --tag huberflow .
#   docker build --file docker/beam-worker.Dockerfile --tag huberflow-beam-worker .
ARG PIPELINE=huberflow
# Of this image, the program alone that a runner starts: the version is that of uv.lock.
FROM apache/beam_python3.13_sdk:2.77.0 AS beam

FROM ${PIPELINE}
COPY --from=beam /opt/apache/beam /opt/apache/beam
ENTRYPOINT ["/opt/apache/beam/boot"]
CMD []
