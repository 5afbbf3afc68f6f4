# Replaces Beam's worker image without a registry: the one program that is needed from it, built from
# the source of the same version.
FROM scratch
COPY container /opt/apache/beam/boot
