# Flink with Beam's job server, for the profile `flink` of compose.yaml: job manager, task managers
# and the job server itself. The versions must match `beam_flink1.19` and uv.lock.
#
#   docker build --file docker/flink.Dockerfile --tag huberflow-flink docker
FROM apache/beam_flink1.19_job_server:2.77.0 AS beam


FROM flink:1.19.3-scala_2.12-java17
# With Beam's classes in Flink's own lib folder, a worker stays alive after the stage that started it.
COPY --from=beam /opt/apache/beam/jars /opt/flink/lib/beam
# The job server writes the packages of a job to this folder; the task managers read them.
RUN install --directory --owner flink /staged
USER 9999
# Flink's own entrypoint writes to /opt/flink, which is read-only in compose.yaml.
ENTRYPOINT []
ENV FLINK_LOG_DIR=/tmp
