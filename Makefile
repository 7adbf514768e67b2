# Everything runs in .venv, which each target fills by itself with what it needs; only tests with
# other versions or backends of Keras run in an environment of their own.

PYTHON ?= python3 python3.13 python3.12 python3.11
SUITABLE = import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
FOUND = $(firstword $(foreach python,$(PYTHON),\
	$(if $(shell $(python) -c '$(SUITABLE)' 2>&1 || echo no),,$(python))))
NOT_FOUND = no Python 3.11 to 3.13 with venv among: $(PYTHON). \
	Install one (Debian, Ubuntu: apt install python3-venv), or name yours: make PYTHON=python3.12 lab

# Colab's versions need Colab's Python; pyenv keeps one beside the others.
PYTHON_COLAB ?= python3.13 $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.13*/bin/python)
AS_COLAB = import ensurepip, sys; sys.exit(sys.version_info[:2] != (3, 13))
FOUND_COLAB = $(firstword $(foreach python,$(PYTHON_COLAB),\
	$(if $(shell $(python) -c '$(AS_COLAB)' 2>&1 || echo no),,$(python))))

# For the shell: some of them are written on the way.
COLAB_NOTEBOOKS = notebooks/*/0[123]_*.ipynb solutions/*/*.ipynb \
	dist/colab/*/*.ipynb dist/colab/*/exercises/*.ipynb

NOTEBOOK_TESTS = tests/authoring/test_notebooks.py notebooks exercises solutions

LOCK := constraints/locked.txt
COLAB := constraints/colab.txt
RUN := .venv/bin/python
# Signatures, runtime files and open tabs stay in here; a user's own Lab settings still apply.
JUPYTER = JUPYTER_DATA_DIR='$(CURDIR)/.venv/jupyter' \
	JUPYTERLAB_WORKSPACES_DIR='$(CURDIR)/.venv/jupyter/workspaces' $(RUN) -m jupyter

# The course in the language of the locale, if it is one of the manifest's, else in its first.
CODES := $(shell sed -n 's/^\[languages\.\(.*\)\]$$/\1/p' course.toml)
FIRST := $(shell sed -n 's/^\[lessons\.\(.*\)\]$$/\1/p' course.toml | head -n 1)
LOCALE := $(subst ., ,$(firstword $(LC_ALL) $(LC_MESSAGES) $(LANG)))
COURSE ?= $(firstword $(filter $(LOCALE) $(subst _, ,$(LOCALE)),$(CODES)) $(CODES))
START = $(or $(wildcard notebooks/$(COURSE)/$(FIRST).ipynb),$(error \
	there is no notebooks/$(COURSE)/$(FIRST).ipynb: set COURSE to one of $(CODES)))
NOTEBOOKS := $(wildcard notebooks/*/*.ipynb exercises/*/*.ipynb solutions/*/*.ipynb)

# With it, a notebook's kernel is forked from a process that has imported Keras already.
PRELOADED = JUPYTER_PATH='$(CURDIR)/.venv/preloaded/share/jupyter'

# On Linux without a screen, Jupyter would open a text browser in this terminal.
SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)$(BROWSER)$(filter-out Linux,$(shell uname))
LAB_OPTIONS = --log-level=ERROR --ServerApp.answer_yes=True --ServerApp.root_dir='$(CURDIR)' \
	--LabApp.default_url=/lab/tree/$(START) \
	$(if $(SCREEN),,--no-browser) $(if $(filter 0,$(shell id -u)),--allow-root)

# TensorFlow keeps its start-up notices to itself, and rounds alike on every processor.
export TF_CPP_MIN_LOG_LEVEL := 3
export TF_ENABLE_ONEDNN_OPTS := 0

.PHONY: help lab quick test test-fresh fuzz test-backends test-oldest test-hub test-colab docs colab slides links accounts hub hub-stop build check catalogs new weights update bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

lab: .venv/trusted .venv/preloaded  ## open the course in JupyterLab; COURSE=ko, LAB="--port 9999"
	@echo "Opening $(START) in JupyterLab. Ctrl-C stops it."
	@$(RUN) -m masklens_kernel warm &
	@$(PRELOADED) $(JUPYTER) lab $(LAB_OPTIONS) $(LAB)

quick: .venv/test  ## format, lint, types, the course, and the tests that need no browser or server
	$(RUN) -m ruff format --check
	$(RUN) -m ruff check
	$(RUN) -m mypy
	$(RUN) -m authoring check
	$(RUN) -m pytest -p no:nbval -o addopts='--doctest-modules -n 2 --dist loadscope -q' -m 'not slow and not accounts' tests helpers authoring

test: .venv/test .venv/preloaded .venv/node  ## everything that must hold before a commit
	$(RUN) -m ruff format --check
	$(RUN) -m ruff check
	$(RUN) -m mypy
	$(RUN) -m authoring check
	$(PRELOADED) MASKLENS_KERNEL_IDLE=60 $(RUN) -m pytest $(NOTEBOOK_TESTS)
	$(RUN) -m pytest --ignore=tests/authoring/test_notebooks.py tests helpers authoring

test-fresh: .venv/test  ## execute the notebooks in kernels that import everything themselves
	$(RUN) -m pytest $(NOTEBOOK_TESTS)

fuzz: .venv/test  ## hold the lens and the engine against others on a thousand random models; FUZZ=200
	MASKLENS_FUZZ=$(or $(FUZZ),1000) $(RUN) -m pytest --dist load \
		tests/masklens/lens/test_random_models.py tests/masklens/explorers/test_engine.py

# The tests of the library alone, without what an author needs. Old versions warn of new ones, and
# old wheels of Keras hold no tests.
TEST_LIBRARY = PYTHONPATH=tests/support $(1) -m pytest -o addopts= -q -W default --noconftest \
	-p english -p javascript

test-backends: .venv-backends/created  ## test padding, traces and leaks on JAX and on torch
	$(foreach backend,jax torch,KERAS_BACKEND=$(backend) MASKLENS_FUZZ=30 \
		$(call TEST_LIBRARY,.venv-backends/bin/python) $(addprefix tests/masklens/,\
		test_padding.py test_measurement.py lens/test_random_models.py) &&) true

test-oldest: .venv-oldest/created  ## test the library with the oldest versions that pyproject.toml allows
	MASKLENS_FUZZ=0 $(call TEST_LIBRARY,.venv-oldest/bin/python) tests/masklens \
		$(addprefix --ignore=tests/masklens/,explorers/test_explorer_lab.py \
		explorers/test_explorer_page.py test_keras_own_tests.py)

test-hub: .venv/test .venv/preloaded .venv/quiet .venv/node  ## run a hub with accounts that it makes and removes; as root
	$(RUN) -m pytest -m accounts tests/classroom; status=$$?; \
		$(RUN) tests/classroom/class_accounts.py && exit $$status

test-colab:  ## run lessons, solutions and what `make colab` writes with Colab's versions
	@$(if $(FOUND_COLAB),$(MAKE) --silent colab .venv-colab/created,\
		echo "Left out: notebooks with Colab's versions; no Python 3.13 with venv among: $(PYTHON_COLAB).")
	@$(if $(FOUND_COLAB),.venv-colab/bin/python tests/authoring/colab.py $(COLAB_NOTEBOOKS))

docs: .venv/docs  ## build the site in every language in docs/_build/html
	$(RUN) -m authoring.site

colab: .venv/docs  ## write notebooks that carry the library with them to dist/colab
	$(RUN) -m authoring.colab

slides: .venv/docs .venv/node  ## make slides of the lessons in docs/_build/slides; SLIDES="03_propagation"
	$(RUN) -m authoring.slides $(SLIDES)

links: .venv/docs  ## print links that open each notebook; LINKS="--hub https://hub.example.org"
	@$(RUN) -m authoring.links $(LINKS)

accounts:  ## make an account for each name of a list; sudo make accounts NAMES=students.txt TEACHER=kim
	@classroom/accounts '$(NAMES)' $(TEACHER)

hub: .venv/hub .venv/node .venv/preloaded .venv/quiet  ## serve the course to these accounts; sudo make hub
	@COURSE=$(COURSE) $(RUN) -m jupyterhub -f classroom/jupyterhub_config.py

hub-stop:  ## end the hub, its proxy and every student's server
	@pkill -TERM -F "$${MASKLENS_CLASS_FOLDER:-/srv/masklens}/hub/hub.pid" -f jupyterhub_config.py \
		|| echo "No hub is running."

build: .venv/test  ## build pages, and notebooks whose content or library changed; NAMES="01 exercises/02", ALL=1
	$(RUN) -m authoring build $(if $(ALL),--all) $(NAMES)

check: .venv/test  ## compare notebooks and pages with their sources and translations
	$(RUN) -m authoring check

catalogs: .venv/test  ## bring the translators' catalogues up to date with the English text
	$(RUN) -m authoring update

new: .venv/test  ## begin a lesson, exercise or language; KIND=exercise NAME=pad-twice SET=01_padding
	@$(RUN) -m authoring new $(KIND) $(NAME) $(if $(SET),--set $(SET))

weights: .venv/test  ## train the layers that explorers stack; two minutes, and not the same bytes everywhere
	$(RUN) -m authoring.train

update: .venv/test  ## renew the lock with the newest versions that pyproject.toml allows
	$(RUN) -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras \
		--custom-compile-command 'make update' pyproject.toml -o $(LOCK)

bench: .venv/test .venv/preloaded .venv/quiet .venv/node  ## measure what the library costs, beside what one would use instead
	$(RUN) -m benchmarks

clean:  ## remove the environments and what the tools leave behind
	rm -rf .venv .venv-backends .venv-colab .venv-oldest .*_cache .hypothesis build dist docs/_build helpers/*.egg-info

# What TensorFlow's libraries write to stderr, whatever they are told, belongs in no notebook.
KERNEL_SETTING = c.IPKernelApp.capture_fd_output = False

.venv/created:
	$(or $(FOUND),$(error $(NOT_FOUND))) -m venv --clear .venv
	@mkdir -p .venv/etc/ipython && echo '$(KERNEL_SETTING)' > .venv/etc/ipython/ipython_kernel_config.py
	@touch $@

# What Colab's images come with, and what executes a notebook.
.venv-colab/created: pyproject.toml $(COLAB)
	@echo "Installing masklens and Colab's versions into .venv-colab; this takes some minutes."
	@$(FOUND_COLAB) -m venv --clear .venv-colab
	@.venv-colab/bin/python -m pip install -qq --disable-pip-version-check -c $(COLAB) \
		anywidget ipykernel ipywidgets keras matplotlib nbclient numpy tensorflow
	@touch $@

# The other backends of Keras, without TensorFlow.
.venv-backends/created: pyproject.toml $(LOCK)
	@echo "Installing Keras with JAX and torch into .venv-backends; this takes some minutes."
	@$(or $(FOUND),$(error $(NOT_FOUND))) -m venv --clear .venv-backends
	@.venv-backends/bin/python -m pip install -qq --disable-pip-version-check -c $(LOCK) \
		-e . hypothesis jax pytest torch
	@touch $@

.venv-oldest/created: pyproject.toml | .venv/test
	@echo "Installing the oldest versions into .venv-oldest; this takes some minutes."
	@$(or $(FOUND),$(error $(NOT_FOUND))) -m venv --clear .venv-oldest
	@$(RUN) -m uv pip install -q --python .venv-oldest/bin/python --resolution lowest-direct -e '.[learn]'
	@$(RUN) -m uv pip install -q --python .venv-oldest/bin/python hypothesis pytest
	@touch $@

# One stamp for each extra of pyproject.toml; a changed lock installs it again.
.venv/learn .venv/teach .venv/hub .venv/docs .venv/test: .venv/%: pyproject.toml $(LOCK) | .venv/created
	@echo "Installing masklens[$*] into .venv; the first time this takes some minutes."
	@$(RUN) -m pip install -qq --disable-pip-version-check -c $(LOCK) -e '.[$*]'
	@touch $@

# A hub's proxy, and what shows slides. Where there is no npm, those who need them say so.
NODE_PACKAGES = configurable-http-proxy@5.3.0 reveal.js@6.0.2
.venv/node: | .venv/created
	@$(if $(shell command -v npm),npm install --prefix .venv --no-save --ignore-scripts --no-audit \
		--no-fund --silent $(NODE_PACKAGES) && touch $@,\
		echo "Left out: $(NODE_PACKAGES); no npm found (Debian, Ubuntu: apt install npm).")

.venv/preloaded: helpers/masklens_kernel/spec.py | .venv/learn
	@$(RUN) -m masklens_kernel install --prefix $@ > /dev/null
	@touch $@

# Explorers are saved with their states, and nobody is asked whether Lab may fetch news.
.venv/quiet: classroom/overrides.json | .venv/learn
	@mkdir -p .venv/share/jupyter/lab/settings
	@cp $< .venv/share/jupyter/lab/settings/overrides.json
	@touch $@

# The saved outputs come with the course; trusted, they show before they are run again.
.venv/trusted: $(NOTEBOOKS) | .venv/quiet
	@$(JUPYTER) trust --log-level=ERROR $(filter %.ipynb,$?) > /dev/null
	@touch $@
