# Replaces Flink's image without a registry: the same version, user, folder and listening addresses.
FROM debian:trixie-slim
# Java's package needs a folder for manuals, which slim images lack.
RUN mkdir --parents /usr/share/man/man1 \
 && groupadd --gid 9999 flink && useradd --uid 9999 --gid 9999 --no-create-home flink \
 && apt-get update \
 && apt-get install --yes --no-install-recommends openjdk-21-jre-headless \
 && rm -rf /var/lib/apt/lists/*
COPY pyflink /opt/flink
RUN sed -i -e '/^ *host: localhost/d' -e 's/\(bind-host\|address\): localhost/\1: 0.0.0.0/' \
      /opt/flink/conf/config.yaml \
 && chmod +x /opt/flink/bin/*.sh
ENV FLINK_HOME=/opt/flink PATH=/opt/flink/bin:$PATH
