# sign-etl as a container: for batch jobs, Ray workers (KubeRay) and machines without Python.
#
#   docker build -t sign-etl .                                   CPU
#   docker build -t sign-etl:cuda --build-arg BASE=nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04 \
#                --build-arg ONNXRUNTIME=onnxruntime-gpu .       GPU workers (RTMPose on CUDA)
#   docker run --rm -v "$PWD:/data" sign-etl sign-etl demo --out /data/demo-build
#
# Name the command: KubeRay starts Ray in it, you start sign-etl.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/sign-etl
WORKDIR /source
COPY constraints constraints
RUN /opt/sign-etl/bin/pip install --no-cache-dir --constraint constraints/constraints.txt uv
ARG EXTRAS=blazepose,rtmpose,keypoints,ray,youtube,xlsx,archives,huggingface,kaggle,gdrive,s3
ARG ONNXRUNTIME=onnxruntime
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY sign_etl sign_etl
COPY pipelines pipelines
COPY schemas schemas
COPY training training
# OpenCV is the headless build: the others need an X11 stack.
RUN /opt/sign-etl/bin/uv pip install --python /opt/sign-etl/bin/python --no-cache \
        --constraint constraints/constraints.txt --override constraints/overrides.txt \
        ".[${EXTRAS}]" opencv-contrib-python-headless \
    && if [ "${ONNXRUNTIME}" != onnxruntime ]; then \
        version=$(/opt/sign-etl/bin/python -c 'import onnxruntime; print(onnxruntime.__version__)') \
        && /opt/sign-etl/bin/uv pip uninstall --python /opt/sign-etl/bin/python onnxruntime \
        && /opt/sign-etl/bin/uv pip install --python /opt/sign-etl/bin/python --no-cache \
            "${ONNXRUNTIME}==${version}"; \
    fi

FROM ${BASE}
# libegl1 and libgles2: MediaPipe. wget: KubeRay's probes. tini: signals reach the command.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        python3 ca-certificates libegl1 libgles2 wget tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1001 sign-etl
COPY --from=build /opt/sign-etl /opt/sign-etl
ENV PATH=/opt/sign-etl/bin:$PATH \
    SIGN_ETL_WEIGHTS=/opt/weights \
    PYTHONUNBUFFERED=1
# Fetched once here, not by every worker; checked by sha256. Readable for any user.
RUN sign-etl pose fetch blazepose && chmod -R a+rX /opt/weights
USER 1001
WORKDIR /data
ENTRYPOINT ["tini", "-s", "--"]
CMD ["sign-etl", "--help"]
