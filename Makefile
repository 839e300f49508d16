# Everything runs in .venv, made on first use with the tested set of constraints.txt.
PY := .venv/bin/python

.PHONY: demo test check format pictures

.venv/installed: setup.py constraints.txt
	python3 -m venv .venv
	.venv/bin/pip install -q -c constraints.txt -e '.[test]'
	touch $@

demo: .venv/installed ## from imagery to an answered search
	.venv/bin/clay-assets demo

test: .venv/installed ## all tests but the slow ones
	$(PY) -m pytest -m 'not slow'

check: .venv/installed ## what CI runs
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	$(PY) -m pytest

format: .venv/installed
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

pictures: .venv/installed ## the README's pictures, from a running demo
	$(PY) docs/make_pictures.py
