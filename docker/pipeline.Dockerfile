# Runs the pipeline, locally or on Kubeflow, and MLflow's server; has all dependencies of huberflow.
#
#   docker build --file docker/pipeline.Dockerfile --tag huberflow .
#   docker build --file docker/pipeline.Dockerfile --tag huberflow:gpu \
#     --build-arg EXTRAS="all gpu" .
FROM debian:trixie-slim AS python
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*


# The packages of uv.lock, in a layer of their own: a change of the code does not rebuild it.
FROM python AS packages
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates g++ python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /source
COPY pyproject.toml uv.lock ./
ARG EXTRAS=all
# TensorFlow's C++ headers, for compiling ops, and libclang are left out: an eighth of the size.
# hadolint ignore=SC2046
RUN --mount=type=cache,target=/root/.cache/uv \
    /uv/bin/uv sync --frozen --no-install-project --no-install-package libclang \
      $(printf -- ' --extra %s' $EXTRAS) \
 && rm -rf /venv/lib/python3*/site-packages/tensorflow/include


FROM packages AS wheel
COPY README.md LICENSE ./
COPY components components
COPY custom_objects custom_objects
COPY pipeline pipeline
COPY src src
RUN --mount=type=cache,target=/root/.cache/uv /uv/bin/uv build --wheel --out-dir /wheel


FROM python
# A user that the image does not have, as with `docker run --user`, is in group 0.
RUN useradd --create-home --uid 1000 huberflow \
 && install --directory --owner huberflow --group root --mode 775 /work /work/workspace /work/artifacts
COPY --from=packages /venv /venv
RUN --mount=from=packages,source=/uv,target=/uv --mount=from=wheel,source=/wheel,target=/wheel \
    /uv/bin/uv pip install --no-cache --no-deps --compile-bytecode --python /venv /wheel/*.whl
COPY docker/answers.py /
# USER is a name for such a user.
ENV PATH=/venv/bin:$PATH USER=huberflow NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
WORKDIR /work
ENTRYPOINT ["huberflow"]
CMD ["run"]
