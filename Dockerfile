# The service with its local recogniser and PostgreSQL's driver. Build: docker build -t conference-sidecar .
# Every library comes from requirements.lock with its hash. docs/deploy.md says how to run it.

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
RUN python -m venv /opt/sidecar
COPY requirements.lock /src/
RUN /opt/sidecar/bin/pip install --require-hashes -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE /src/
COPY sidecar /src/sidecar
COPY web /src/web
COPY twiml /src/twiml
RUN /opt/sidecar/bin/pip install --no-deps --no-build-isolation /src

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin sidecar \
    && install -d -o sidecar -g sidecar /data
COPY --from=build /opt/sidecar /opt/sidecar
# In a container, loopback is the container: the port is published by whoever runs it, to loopback or to a proxy.
ENV PATH=/opt/sidecar/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIDECAR_HOST=0.0.0.0 \
    SIDECAR_PORT=8080 \
    SIDECAR_DATABASE_URL=sqlite:////data/sidecar.sqlite3
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["sidecar", "serve"]
