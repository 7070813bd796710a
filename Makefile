# Each target makes what it needs; nothing is needed beforehand but Python 3.11+ and a clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= runs/demo

.PHONY: install demo test test-all lint format bench audit-quality docs clean

install: $(STAMP)

# torch goes first and pinned: an unpinned one may bring gigabytes of CUDA with it.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: install
	$(BIN)/tutelage demo --out $(OUT) --overwrite

# A process a core; the tests of a file share their runs, so they stay in one.
TESTED := $(BIN)/python -m pytest -n auto --dist loadfile

test: install
	$(TESTED)

test-all: install
	$(TESTED) -m 'slow or not slow' --timeout 1800

lint: install
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

# Within two hours on two cores; tuning, which is cut off by the clock, goes on where it stood.
bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/metric_speed.py
	$(BIN)/python benchmarks/prepare_speed.py
	$(BIN)/python benchmarks/memory_plan.py --only smollm2
	$(BIN)/python benchmarks/sharing_order.py sharing
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/step_attention.py
	$(BIN)/python benchmarks/decoding_speed.py --rounds 1
	$(BIN)/python benchmarks/preference_speed.py
	$(BIN)/python benchmarks/mixtures.py --quick
	$(BIN)/python benchmarks/tuning_speed.py --minutes 75

# Precision and recall of the checks on the held-back half of labelled data.
audit-quality: install
	$(BIN)/python benchmarks/audit_quality

docs: install
	$(BIN)/python -m tutelage.recipe.reference docs/recipe.md
	$(BIN)/python -m tutelage.constraints.reference docs/constraints.md
	$(BIN)/python -m tutelage.pipeline.schemas.generate src/tutelage/pipeline/schemas

clean:
	rm -rf $(VENV) runs
