# Stands in for Beam's own worker image where no registry can be reached: the program that it is
# taken for, built from the source of the same version.
FROM scratch
COPY container /opt/apache/beam/boot
