# Two images with one environment at one path: bilby_pipe writes absolute paths of its programs into the jobs that HTCondor runs.
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2-python3.11
# the same release as the bindings in requirements.lock: far apart, they do not authenticate each other
ARG HTCONDOR_IMAGE=htcondor/mini:25.14.1-el9

FROM ${AIRFLOW_IMAGE} AS airflow
USER root
# events' git repositories
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client && rm -rf /var/lib/apt/lists/*
RUN install -d -o airflow -g 0 -m 775 /opt/gwfollow
USER airflow
COPY --chown=airflow:0 pyproject.toml requirements.lock README.md LICENSE /opt/gwfollow/
COPY --chown=airflow:0 scripts /opt/gwfollow/scripts
COPY --chown=airflow:0 src /opt/gwfollow/src
COPY --chown=airflow:0 include /opt/gwfollow/include
RUN sh /opt/gwfollow/scripts/install.sh
# before Airflow's own: the whole lock, Airflow included
ENV PATH=/opt/gwfollow/.venv/bin:${PATH}

FROM ${HTCONDOR_IMAGE} AS htcondor
RUN dnf install -y python3.11 python3.11-pip && dnf clean all
COPY pyproject.toml requirements.lock README.md LICENSE /opt/gwfollow/
COPY scripts /opt/gwfollow/scripts
COPY src /opt/gwfollow/src
COPY include /opt/gwfollow/include
RUN PYTHON=python3.11 sh /opt/gwfollow/scripts/install.sh
