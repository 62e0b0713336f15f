# One image for collector, sidecar and everything else of ours. Any engine can build it: nothing here needs BuildKit.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
RUN python -m venv /opt/rapidapi-ml
COPY requirements-run.lock ./
RUN /opt/rapidapi-ml/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE ./
COPY alert_rules alert_rules
COPY collector collector
COPY dashboards dashboards
COPY demo demo
COPY ml_sidecar ml_sidecar
# The wheel is built in an environment of pip's own, so that no build tool is left behind. What only developers of the
# libraries need goes, and pip itself: nothing is installed in a running container.
RUN /opt/rapidapi-ml/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheels . \
    && /opt/rapidapi-ml/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /wheels/*.whl \
    && find /opt/rapidapi-ml/lib -depth -type d -name tests -exec rm -rf {} + \
    && /opt/rapidapi-ml/bin/pip uninstall --quiet --yes setuptools pip

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rapidapi-ml" \
      org.opencontainers.image.description="Machine learning for Prometheus users: collector and sidecar" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/rapidapi-ml/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# New volumes take owner and mode from the folders on which they are first mounted.
RUN install -d -o 10001 -g 10001 /history /var/lib/rapidapi-ml /var/lib/rapidapi-ml/models
COPY --from=build /opt/rapidapi-ml /opt/rapidapi-ml
WORKDIR /var/lib/rapidapi-ml
USER 10001:10001
# docker-compose.yml says how each container's health is asked.
HEALTHCHECK NONE
CMD ["rapidapi-ml", "--help"]
