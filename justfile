# Short names for what go.py and the tools do; nothing here that cannot be typed by hand.

# two nodes on this machine, with a year of history
demo *options:
    python3 go.py demo {{options}}

# every check, as continuous integration runs it
check:
    python3 go.py test

# only pytest, with its options
test *options:
    python3 go.py test {{ if options == "" { "tests" } else { options } }}

# measure beside what others do
bench *options:
    python3 go.py bench {{options}}

# put code into its one format
format:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# pin the newest packages by hash, naming no registry; commit what changes
lock:
    uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        requirements/run.in -o requirements/run.lock
    uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        -c requirements/run.lock requirements/run.in requirements/postgres.in requirements/test.in -o requirements/test.lock

# what a node is made of, as CycloneDX 1.6 JSON
sbom file="build/sbom.json":
    mkdir -p $(dirname {{file}})
    .venv/bin/python -m tools.sbom --output {{file}}

# are the locks sound (offline), and is anything in them known to be vulnerable (asks the network)
audit:
    .venv/bin/python -m tools.sbom --check
    .venv/bin/python -m tools.audit

# train the wire's dictionary again, on the generated corpus (a new dictionary makes new agreements, not old ones)
dictionary:
    .venv/bin/python -m benchmarks.train_dictionary
