"""What a node is made of, as a CycloneDX 1.6 bill of materials, from the locks. Run: python -m tools.sbom

``--check`` writes nothing and says what is wrong with the locks: something not pinned by hash, from elsewhere than a
registry, of two versions, or under a licence nobody has looked at. It needs no network; whether a version has become
known to be vulnerable does, and is asked by ``tools.audit``. The same locks give the same bytes: no time of day is in
it, and its number is a digest of what it is made from.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from tallystick import __version__

ROOT = Path(__file__).resolve().parent.parent
RUN, TEST = (ROOT / "requirements" / name for name in ("run.lock", "test.lock"))

# The licence of everything a node runs on, as an SPDX expression, read in the package itself by whoever added the line.
LICENCES = {
    "annotated-types": "MIT",
    "asgiref": "BSD-3-Clause",
    "babel": "BSD-3-Clause",
    "cbor2": "MIT",
    "cffi": "MIT-0",
    "click": "BSD-3-Clause",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "django": "BSD-3-Clause",
    "django-csp": "BSD-3-Clause",
    "django-htmx": "MIT",
    "django-ninja": "MIT",
    "fido2": "BSD-2-Clause AND Apache-2.0 AND MPL-2.0",
    "granian": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "pycparser": "BSD-3-Clause",
    "pydantic": "MIT",
    "pydantic-core": "MIT",
    "pygments": "BSD-2-Clause",
    "pyrage": "MIT",
    "rich": "MIT",
    "segno": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "typing-extensions": "PSF-2.0",
    "typing-inspection": "MIT",
    "tzdata": "Apache-2.0",
    "urllib3": "MIT",
    "whitenoise": "MIT",
    "zstandard": "BSD-3-Clause",
}
# What these ask of whoever hands the program on is met by NOTICE and by leaving the packages as they are.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MPL-2.0", "OFL-1.1",
    "PSF-2.0",
}  # fmt: skip

_PINNED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[0-9][A-Za-z0-9.+!-]*)(?: ; (?P<marker>.+))?")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One package of a lock: ``hashes`` of the files it may be installed from, ``via`` whoever wants it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]

    @property
    def purl(self) -> PackageURL:
        return PackageURL("pypi", name=self.name, version=self.version)


class LockError(Exception):
    """A line of a lock that pins nothing."""


def pins(lock: Path) -> dict[str, Pin]:
    """Return what a lock pins, by name.

    Raises:
        LockError: a line is something else than a version pinned by hash.
    """
    return {pin.name: pin for pin in _read(lock)}


def _read(lock: Path) -> Iterator[Pin]:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    for block in filter(str.strip, blocks):
        line, _, notes = block.partition("\n")
        wanted, *options = re.split(r"\s+(?=--)", line.strip())
        found = _PINNED.fullmatch(wanted.strip())
        hashes = [_HASH.fullmatch(option.strip()) for option in options]
        if found is None or not hashes or not all(hashes):
            raise LockError(f"{lock.name}: not pinned by hash: {line.strip()[:80]}")
        via = re.findall(r"^ *#(?: via | {3})(\S.*)$", notes, re.MULTILINE)
        digests = tuple(h["digest"] for h in hashes if h is not None)
        yield Pin(found["name"], found["version"], found["marker"] or "", digests, tuple(via))


def problems(run: Path = RUN, test: Path = TEST) -> list[str]:
    """Return what is wrong with the locks, in words; nothing when they are sound."""
    try:
        running, testing = pins(run), pins(test)
    except LockError as error:
        return [str(error)]
    found = [
        f"{pin.name}: {pin.version} in {run.name}, {testing[pin.name].version if pin.name in testing else 'nothing'} in"
        f" {test.name}"
        for pin in running.values()
        if pin.name not in testing or testing[pin.name].version != pin.version
    ]
    shipped = _shipped(running, testing)
    for name in shipped:
        if name not in LICENCES:
            found.append(f"{name}: nobody has looked at its licence; add it to LICENCES in tools/sbom.py")
        elif not set(re.findall(r"[A-Za-z0-9.-]+", LICENCES[name])) - {"AND", "OR", "WITH"} <= ALLOWED:
            found.append(f"{name}: {LICENCES[name]} is not allowed")
    found += [f"{name}: in LICENCES, but no longer in a lock" for name in LICENCES if name not in shipped]
    return found


def shipped() -> dict[str, Pin]:
    """Return every package that a node may run on."""
    return _shipped(pins(RUN), pins(TEST))


def _shipped(running: dict[str, Pin], testing: dict[str, Pin]) -> dict[str, Pin]:
    return {**running, **{name: testing[name] for name in _postgres(testing)}}


def _postgres(testing: dict[str, Pin]) -> list[str]:
    """Return the names of what a node with PostgreSQL has besides."""
    return [name for name in testing if name.startswith("psycopg")]


def bill() -> Bom:
    """Return the bill of materials of this version."""
    running, testing = pins(RUN), pins(TEST)
    node = Component(
        type=ComponentType.APPLICATION,
        name="tallystick",
        version=__version__,
        bom_ref=f"tallystick@{__version__}",
        licenses=[LicenseExpression("Apache-2.0")],
    )
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, RUN.read_text(encoding="utf-8") + __version__))
    bom.metadata.timestamp = None  # type: ignore[assignment] # left out: the same locks give the same bytes
    bom.metadata.tools.components.clear()
    bom.metadata.component = node
    parts = {pin.name: _part(pin, ComponentScope.REQUIRED) for pin in running.values()}
    parts |= {name: _part(testing[name], ComponentScope.OPTIONAL) for name in _postgres(testing)}
    for part in (*parts.values(), *_carried()):
        bom.components.add(part)
    shipped = _shipped(running, testing)
    ours = {f"-r requirements/{name}.in" for name in ("run", "postgres")}
    bom.register_dependency(node, [parts[pin.name] for pin in shipped.values() if ours & set(pin.via)])
    for part in parts.values():
        bom.register_dependency(part, [parts[pin.name] for pin in shipped.values() if part.name in pin.via])
    return bom


def _part(pin: Pin, scope: ComponentScope) -> Component:
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(pin.purl)),  # where it comes from is the installer's to say
        comment="SHA-256 of every file that may be installed, one of them on each platform",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in pin.hashes],
    )
    return Component(
        name=pin.name,
        version=pin.version,
        bom_ref=str(pin.purl),
        purl=pin.purl,
        scope=scope,
        licenses=[LicenseExpression(LICENCES[pin.name])],
        external_references=[files],
        properties=[Property(name="tallystick:marker", value=pin.marker)] if pin.marker else None,
    )


def _carried() -> Iterator[Component]:
    """Yield what lies in this repository and is others' work, as far as a node serves it (NOTICE)."""
    fonts = sorted((ROOT / "src/tallystick/web/static/fonts").glob("*.woff2"))
    yield Component(
        type=ComponentType.FILE,
        name="noto-sans",
        version="5.3.0",
        bom_ref="noto-sans@5.3.0",
        licenses=[LicenseExpression("OFL-1.1")],
        components=[
            Component(type=ComponentType.FILE, name=font.name, bom_ref=font.name, hashes=[_sha256(font)])
            for font in fonts
        ],
    )


def _sha256(path: Path) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(path.read_bytes()).hexdigest())


def written(bom: Bom) -> str:
    """Return the bill as CycloneDX 1.6 JSON."""
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the bill, or check the locks; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, help="where to; the terminal otherwise")
    parser.add_argument("--check", action="store_true", help="only say what is wrong with the locks")
    asked = parser.parse_args(arguments)
    wrong = problems()
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    if asked.check:
        print(f"{len(shipped())} packages a node runs on and {len(pins(TEST))} in all: pinned by hash, licences known.")
        return 0
    if asked.output:
        asked.output.write_text(written(bill()), encoding="utf-8")
    else:
        print(written(bill()), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
