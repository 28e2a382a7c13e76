# The demo in a container. Not tried yet: no container engine was at hand.
#   docker build -t edsym . && docker run --rm -v "$PWD/results:/edsym/results" edsym
# With Apptainer, from the image that Docker built:
#   apptainer build edsym.sif docker-daemon://edsym:latest && apptainer exec --bind results:/edsym/results --pwd /edsym edsym.sif make demo
FROM python:3.11-bookworm
WORKDIR /edsym
COPY . .
# Sets up .venv with the pinned versions.
RUN make .venv/.ready
CMD ["make", "demo"]
