# make demo        from nothing to a prediction over HTTP, in ./demo
# make test        install everything the tests need, and run them, as CI does
# make test-quick  the tests that train, install and start nothing
# make lint        ruff and mypy
# make bench       the measurements in benchmarks/
# make fuzz        20,000 hostile metadata files
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-quick test-engines test-whole-way test-data test-slow lint format bench fuzz wheel clean

demo: $(VENV)/run.stamp
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/demo.py demo

test: lint
	@tests/prepare.sh
	$(BIN)/pytest -n 2 -m "not slow"
	$(MAKE) --jobs 2 --output-sync=target test-engines test-whole-way test-slow test-data

# what starts engines shares one of each, and what trains shares one environment: a process for each;
# the longest first
test-whole-way: $(VENV)/test.stamp
	$(BIN)/pytest -m slow tests/image/test_whole_way.py

test-engines: $(VENV)/test.stamp
	$(BIN)/pytest -m slow tests/image --ignore tests/image/test_whole_way.py

test-slow: $(VENV)/test.stamp
	$(BIN)/pytest -m slow --ignore tests/image --ignore tests/data

test-data: $(VENV)/test.stamp
	$(BIN)/pytest -m slow tests/data

test-quick: $(VENV)/test.stamp
	$(BIN)/pytest -n 2 -m "not slow"

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.metadata
	$(BIN)/python -m benchmarks.data --rounds 3
	$(BIN)/python -m benchmarks.catalogue

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.fuzz.metadata --count 20000

wheel: $(VENV)/test.stamp
	$(BIN)/uv build --wheel

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[test,lint]'
	@touch $@

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .cache
