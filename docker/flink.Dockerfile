# Flink with Beam's job server, for the profile `flink` of compose.yaml: job manager, task managers
# and the job server itself. The versions are those that `beam_flink1.19` and uv.lock say.
#
#   docker build --file docker/flink.Dockerfile --tag huberflow-flink docker
FROM apache/beam_flink1.19_job_server:2.77.0 AS beam


FROM flink:1.19.3-scala_2.12-java17
# Where Flink itself has Beam's classes, a worker outlives the stage that started it.
COPY --from=beam /opt/apache/beam/jars /opt/flink/lib/beam
# Shared by the job server, which puts there what a job brings along, and the task managers.
RUN install --directory --owner flink /staged
USER 9999
# Its own writes into /opt/flink, which is read-only here.
ENTRYPOINT []
ENV FLINK_LOG_DIR=/tmp
