# A Beam worker (SDK harness) with huberflow and its packages, for Flink, Spark and Dataflow.
#
#   docker build --file docker/pipeline.Dockerfile --tag huberflow .
#   docker build --file docker/beam-worker.Dockerfile --tag huberflow-beam-worker .
ARG PIPELINE=huberflow
# Only the program that a runner starts comes from this image; its version is that of uv.lock.
FROM apache/beam_python3.13_sdk:2.77.0 AS beam


# pip installs the `--extra_package` of a job into this environment; /venv comes after it on the path.
FROM debian:trixie-slim AS worker
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && python3 -m venv /worker \
 && echo /venv/lib/python3.13/site-packages > /worker/lib/python3.13/site-packages/huberflow.pth


FROM ${PIPELINE}
COPY --from=beam /opt/apache/beam /opt/apache/beam
COPY --from=worker --chown=1000 /worker /worker
# Otherwise the program would create an environment without the packages of /venv.
ENV PATH=/worker/bin:$PATH RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
ENTRYPOINT ["/opt/apache/beam/boot"]
CMD []
