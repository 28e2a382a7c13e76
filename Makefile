# make demo: the complete workflow on the embedded default. make test: the tests. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORES ?= all
LOCKED := dev reference training workflow
DEMO := results/demo
SNAKEMAKE := $(BIN)/snakemake all --profile profiles/local --cores $(CORES) --configfile config/demo.yaml

.PHONY: demo test test-slurm lint format docs mutants lock audit benchmark-simulation clean help

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: make demo                 run the complete workflow on the prototypes that pymatgen ships, into results/demo
demo: $(READY)
	$(SNAKEMAKE)
	@printf '\ntables   %s\nfigures  %s\nreport   %s\n' $(DEMO)/tables $(DEMO)/figures $(DEMO)/report.html

#: make test                 run the tests, two files at once
test: $(READY)
	$(BIN)/pytest --numprocesses 2 --dist loadfile

#: make test-slurm           run the workflow on a throw-away SLURM cluster of one node; as root on Debian
test-slurm: $(READY)
	$(BIN)/pytest tests/slurm

#: make lint                 check style of library, scripts and rules
lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

#: make format               apply that style
format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

#: make docs                 write the configuration's files from the settings, and build the site in docs/_build/html
docs: $(READY)
	$(BIN)/python config/generate.py
	$(BIN)/pip install --quiet --no-build-isolation --editable '.[docs]'
	$(BIN)/sphinx-build -q -W --keep-going docs docs/_build/html

#: make benchmark-simulation time the simulation beside abTEM (and py4DSTEM: PY4DSTEM=its python)
benchmark-simulation: $(READY)
	$(BIN)/python benchmarks/simulation.py $(if $(PY4DSTEM),--py4dstem-python $(PY4DSTEM))

#: make mutants              change the code that the numbers stand on, expression by expression, and count what tests notice
mutants: $(READY)
	@# beside the environment: mutmut's terminal interface, which this leaves out, asks for another version of rich
	$(BIN)/pip install --quiet --target .mutmut --upgrade --no-deps mutmut==3.8.1 libcst setproctitle
	$(BIN)/python benchmarks/mutants.py --mutmut .mutmut --output docs/mutants.md

#: make lock                 resolve the newest versions into requirements.lock and envs/
lock: $(READY)
	$(BIN)/pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --allow-unsafe $(addprefix --extra ,$(LOCKED)) --strip-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml
	@# a local build of torch resolves as 2.13.0+cpu: the lock names the release, which any build fulfils
	sed -i -e "s/+cpu$$//" -e "/^#/d" -e "/^$$/d" requirements.lock
	$(BIN)/python envs/mirror.py

#: make audit                look requirements.lock up in PyPI's database of vulnerabilities
audit: $(READY)
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edsym needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO)
