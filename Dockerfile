# The service and its commands in one image; docs/containers.md says how to use it.
#   docker build -t search-app .                                                    CLIP and lite, on the CPU
#   docker build -t search-app --build-arg REQUIREMENTS=requirements-lite.txt .     lite alone: no torch, small

FROM python:3.11-slim AS packages
ARG REQUIREMENTS=requirements.txt
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The environment gets no pip of its own: nothing is installed into a running container.
RUN python -m venv --without-pip /opt/venv
COPY constraints.txt ./
COPY locks/ locks/
# Everything but torch by its hash. torch comes alone from its own index, where the CPU build is, by its version: no hash
# fits all builds. Another index may bring packages of CUDA with it.
RUN pip --python /opt/venv/bin/python install --no-deps --require-hashes -r "locks/$REQUIREMENTS" \
    && if [ "$REQUIREMENTS" != requirements-lite.txt ]; then \
        pip --python /opt/venv/bin/python install --no-deps --index-url "$TORCH_INDEX_URL" -c constraints.txt \
            torch torchvision \
        && pip --python /opt/venv/bin/python install -c constraints.txt torch torchvision; \
    fi


FROM python:3.11-slim AS service
# Nothing phones home: ONNX Runtime and the hub's client would, unless told.
ENV PATH=/opt/venv/bin:$PATH \
    HF_HUB_DISABLE_TELEMETRY=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SEARCH_DATA_DIR=/data \
    SEARCH_INDEX_DIR=/var/lib/search-app
# What is written goes to two folders, each the place of a volume; a new volume takes their owner over.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /home/search --shell /usr/sbin/nologin search \
    && install -d -o search -g search /home/search/.cache "$SEARCH_INDEX_DIR" \
    && install -d "$SEARCH_DATA_DIR"
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY docker/ docker/
COPY sample/ sample/
COPY search_app/ search_app/
RUN python -m compileall -q search_app
USER 10001:10001
# Weights come into the cache volume at first use, unless a model is named here: then they are in the image.
ARG BAKE_MODEL=""
RUN if [ -n "$BAKE_MODEL" ]; then python -m search_app doctor --model "$BAKE_MODEL"; fi
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["uvicorn", "search_app.main:app", "--host", "0.0.0.0", "--port", "8000"]
