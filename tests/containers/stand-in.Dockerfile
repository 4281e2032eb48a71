# The Qdrant stand-in as a container, for machines that cannot pull Qdrant's own image.
ARG BASE=search-app:test
FROM ${BASE}
USER root
RUN install -d -o 10001 -g 10001 /qdrant/storage /qdrant/snapshots
COPY qdrant_stand_in.py /qdrant/qdrant_stand_in.py
USER 10001:10001
ENV QDRANT_FOLDER=/qdrant/storage
HEALTHCHECK NONE
CMD ["python", "/qdrant/qdrant_stand_in.py"]
