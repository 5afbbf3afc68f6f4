# Replaces postgres:17 without a registry: the same version, user, folder and variables.
FROM debian:trixie-slim
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --no-create-home postgres \
 && apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-17 \
 && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner postgres --mode 3777 /var/lib/postgresql/data /run/postgresql
COPY start_postgres.sh /
ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/start_postgres.sh"]
