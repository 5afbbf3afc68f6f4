# Stands in for Flink's own image where no registry can be reached: the same version, user, folder
# and addresses to listen on.
FROM debian:trixie-slim
# Java's package wants a folder for manuals, which slim images leave out.
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
