# Serves a model over HTTP after verifying it; does not start if the verification fails.
#
#   docker build --file docker/serving.Dockerfile --tag huberflow-serving .
#   docker build --file docker/serving.Dockerfile --tag huberflow-serving:gpu \
#     --build-arg EXTRAS="serving gpu" .
FROM debian:trixie-slim AS python
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*


# Only the packages of uv.lock that serving imports: no TFX, no Beam, no MLflow.
FROM python AS packages
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON=/usr/bin/python3 UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
WORKDIR /source
COPY pyproject.toml uv.lock ./
ARG EXTRAS=serving
# TensorFlow's C++ headers, for compiling ops, and libclang are left out: a fifth of the size.
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
RUN useradd --create-home --uid 1000 huberflow
COPY --from=packages /venv /venv
RUN --mount=from=packages,source=/uv,target=/uv --mount=from=wheel,source=/wheel,target=/wheel \
    /uv/bin/uv pip install --no-cache --no-deps --compile-bytecode --python /venv /wheel/*.whl
COPY docker/answers.py /
ENV PATH=/venv/bin:$PATH NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
# For every user, also one that the image does not know; its home is for the user 1000 alone.
WORKDIR /
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=2m --retries=3 \
  CMD ["python3", "/answers.py", "8080", "/ready"]
ENTRYPOINT ["huberflow"]
# Serves the newest version in the folder. It listens on all addresses of the container; who can
# reach it is decided by `docker run --publish`. It ends within eight seconds of `docker stop`.
CMD ["serve", "/model", "--host", "0.0.0.0"]
