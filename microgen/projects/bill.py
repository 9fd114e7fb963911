"""What a firmware is made of: LICENSES.md for people, and the same as SPDX 2.3 in JSON.

Nothing in it depends on the day: the date of creation is fixed, and the namespace has the hash of the content.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._version import __version__
from ..boards import Component
from ..deployment import Deployment
from ..support import resources
from ..support.json import json_text
from ..support.render import render
from .firmware import model_name
from .kind import Files, Parts

SBOM = "sbom.spdx.json"
LICENSES = "LICENSES.md"
UNKNOWN = "NOASSERTION"
_OWN = "Apache-2.0"
_CREATED = "1970-01-01T00:00:00Z"
_CODE = (".c", ".cc", ".cpp", ".h", ".inc", ".S")
_DOCUMENT, _FIRMWARE, _MODEL, _MICROGEN = "DOCUMENT", "Firmware", "Model", "Microgen"

Json = dict[str, Any]


@dataclass(frozen=True)
class _File:
    """A source of the firmware that microgen wrote; `license` is unknown for what was generated from the model."""

    name: str
    data: bytes
    license: str


def bill_files(
    parts: Parts,
    flashed: Mapping[str, bytes],
    around: Sequence[Component] = (),
    libraries: Sequence[Component] | None = None,
) -> Files:
    """Return LICENSES.md and the SBOM of a firmware.

    Args:
        parts: what it is made of.
        flashed: the project's files; those that are code are part of the firmware.
        around: what the kind's build adds besides the libraries of the runtime.
        libraries: those of the runtime; None: as the board's snapshot has them.
    """
    deployment = parts.deployment
    own = [
        _File(name, data, _OWN if name.rpartition("/")[2] in _written_by_hand() else UNKNOWN)
        for name, data in sorted(flashed.items())
        if name.endswith(_CODE)
    ]
    components = (*(deployment.plan.library.components if libraries is None else libraries), *around)
    packages = [_firmware(parts), *_models(deployment), _microgen(own), *map(_package, components)]
    files = [_file(number, file) for number, file in enumerate(own)]
    document: Json = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _id(_DOCUMENT),
        "name": f"{deployment.name} for {deployment.board.title}",
        "creationInfo": {
            "created": _CREATED,
            "creators": [f"Tool: microgen-{__version__}"],
            "comment": "The date is fixed: the same model gives the same document.",
        },
        "packages": packages,
        "files": files,
        "relationships": _relationships(packages, files, len(deployment.models)),
    }
    content = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document["documentNamespace"] = f"https://spdx.org/spdxdocs/microgen-{content}"
    text = render("LICENSES.md.j2", version=__version__, d=deployment, components=components, own=_OWN)
    return {SBOM: json_text(document).encode(), LICENSES: text}


@functools.cache
def _written_by_hand() -> frozenset[str]:
    """Return the names of the sources that come with microgen; all others are generated from a model."""
    return frozenset(p.name for p in resources.path("firmware").rglob("*") if p.suffix in _CODE)


def _id(name: str) -> str:
    return f"SPDXRef-{name}"


def _firmware(parts: Parts) -> Json:
    name = parts.deployment.name
    return _described(_FIRMWARE, name, "FIRMWARE", comment="All that is flashed, but for the user's own program.")


def _models(deployment: Deployment) -> list[Json]:
    packages = []
    for number, one in enumerate(deployment.models):
        checksums = [{"algorithm": "SHA256", "checksumValue": one.model.sha256}]
        name = f"{one.model.name} ({model_name(deployment, one)}.tflite)"
        packages.append(_described(_model_id(number), name, "OTHER") | {"checksums": checksums})
    return packages


def _model_id(number: int) -> str:
    return f"{_MODEL}-{number}" if number else _MODEL


def _microgen(files: Sequence[_File]) -> Json:
    """Return microgen's own C and C++; the verification code is SPDX's: SHA-1 of the sorted SHA-1 of the files."""
    code = _sha1("".join(sorted(_sha1(file.data) for file in files)).encode())
    return _described(_MICROGEN, "microgen", "SOURCE", __version__, _OWN, "The authors of microgen") | {
        "filesAnalyzed": True,
        "licenseInfoFromFiles": [_OWN],
        "packageVerificationCode": {"packageVerificationCodeValue": code},
    }


def _package(component: Component) -> Json:
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", component.name)
    package = _described(
        f"Package-{name}", component.name, "LIBRARY", component.version, component.license, component.copyright
    )
    return package | {"downloadLocation": component.url}


def _described(
    identifier: str,
    name: str,
    purpose: str,
    version: str = "",
    license_: str = UNKNOWN,
    copyright_: str = UNKNOWN,
    comment: str = "",
) -> Json:
    return {
        "SPDXID": _id(identifier),
        "name": name,
        **({"versionInfo": version} if version else {}),
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": license_,
        "licenseDeclared": license_,
        "copyrightText": copyright_,
        "primaryPackagePurpose": purpose,
        **({"comment": comment} if comment else {}),
    }


def _file(number: int, file: _File) -> Json:
    sums = {"SHA1": _sha1(file.data), "SHA256": hashlib.sha256(file.data).hexdigest()}
    return {
        "SPDXID": _id(f"File-{number}"),
        "fileName": f"./{file.name}",
        "fileTypes": ["SOURCE"],
        "checksums": [{"algorithm": name, "checksumValue": value} for name, value in sums.items()],
        "licenseConcluded": file.license,
        "licenseInfoInFiles": [file.license],
        "copyrightText": UNKNOWN,
    }


def _relationships(packages: Sequence[Json], files: Sequence[Json], models: int) -> list[Json]:
    firmware, *parts = (package["SPDXID"] for package in packages)
    triples = [
        (_id(_DOCUMENT), "DESCRIBES", firmware),
        *((firmware, "CONTAINS", part) for part in parts),
        *((_id(_MICROGEN), "CONTAINS", file["SPDXID"]) for file in files),
        *(
            (file["SPDXID"], "GENERATED_FROM", _id(_model_id(number)))
            for file in files
            if file["licenseConcluded"] == UNKNOWN
            for number in range(models)
        ),
    ]
    return [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in triples]


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
