"""What SPDX 2.3 asks of a document, as checks of ours: what our documents use of its JSON schema, and its text."""

from __future__ import annotations

import re
from typing import Any

_ID = re.compile(r"SPDXRef-[a-zA-Z0-9.-]+")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}Z")
_CREATOR = re.compile(r"(Tool: .+-\S+|(Person|Organization): .+)")
_PLACE = re.compile(r"NONE|NOASSERTION|(git\+)?https?://\S+")
_LICENSE = re.compile(r"NONE|NOASSERTION|[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_SUMS = {"SHA1": 40, "SHA256": 64}
_PURPOSES = {
    "OTHER", "INSTALL", "ARCHIVE", "FIRMWARE", "APPLICATION", "FRAMEWORK", "LIBRARY", "CONTAINER", "SOURCE", "DEVICE",
    "OPERATING_SYSTEM", "FILE",
}  # fmt: skip
_RELATIONSHIPS = {"DESCRIBES", "CONTAINS", "GENERATED_FROM", "DEPENDS_ON", "STATIC_LINK"}
# Of each kind of object: the fields that it must have, and those that it may have.
_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "document": (
        {"SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace"},
        {"packages", "files", "relationships", "comment"},
    ),
    "creationInfo": ({"created", "creators"}, {"comment", "licenseListVersion"}),
    "package": (
        {"SPDXID", "downloadLocation", "name"},
        {
            "versionInfo", "filesAnalyzed", "licenseConcluded", "licenseDeclared", "copyrightText", "checksums",
            "primaryPackagePurpose", "licenseInfoFromFiles", "packageVerificationCode", "comment",
        },
    ),
    "file": (
        {"SPDXID", "checksums", "fileName"},
        {"copyrightText", "fileTypes", "licenseConcluded", "licenseInfoInFiles", "comment"},
    ),
    "relationship": ({"spdxElementId", "relatedSpdxElement", "relationshipType"}, {"comment"}),
    "checksum": ({"algorithm", "checksumValue"}, set()),
    "packageVerificationCode": ({"packageVerificationCodeValue"}, {"packageVerificationCodeExcludedFiles"}),
}  # fmt: skip


def problems(document: dict[str, Any]) -> list[str]:
    """Say what is wrong with an SPDX document."""
    made = document.get("creationInfo", {})
    found = [
        *_fields("document", document),
        *_fields("creationInfo", made),
        *_matching("SPDXID", document.get("SPDXID"), re.compile("SPDXRef-DOCUMENT")),
        *_matching("spdxVersion", document.get("spdxVersion"), re.compile(r"SPDX-2\.3")),
        *_matching("dataLicense", document.get("dataLicense"), re.compile(r"CC0-1\.0")),
        # A URI without a fragment, of this document alone.
        *_matching("documentNamespace", document.get("documentNamespace"), re.compile(r"https?://[^\s#]+")),
        *_matching("created", made.get("created"), _DATE),
        *(p for who in made.get("creators", [""]) for p in _matching("creator", who, _CREATOR)),
    ]
    packages, files = document.get("packages", []), document.get("files", [])
    found += [p for package in packages for p in _package(package)] + [p for file in files for p in _file(file)]
    known = [document.get("SPDXID"), *(element.get("SPDXID") for element in (*packages, *files))]
    if len(set(known)) != len(known):
        found.append("an SPDXID twice")
    for relationship in document.get("relationships", []):
        found += _fields("relationship", relationship)
        if relationship.get("relationshipType") not in _RELATIONSHIPS:
            found.append(f"relationshipType {relationship.get('relationshipType')}")
        ends = (relationship.get("spdxElementId"), relationship.get("relatedSpdxElement"))
        found += [f"{end} is not in the document" for end in ends if end not in known]
    if not any(r.get("relationshipType") == "DESCRIBES" for r in document.get("relationships", [])):
        found.append("describes nothing")
    return found


def _fields(kind: str, found: dict[str, Any]) -> list[str]:
    must, may = _FIELDS[kind]
    missing = [f"{kind} lacks {name}" for name in sorted(must - set(found))]
    return missing + [f"{kind} has {name}" for name in sorted(set(found) - must - may)]


def _matching(name: str, value: object, pattern: re.Pattern[str]) -> list[str]:
    return [] if isinstance(value, str) and pattern.fullmatch(value) else [f"{name}: {value!r}"]


def _checksums(sums: list[dict[str, str]]) -> list[str]:
    found = [p for one in sums for p in _fields("checksum", one)]
    for one in sums:
        digits = _SUMS.get(one.get("algorithm", ""), 0)
        found += _matching("checksumValue", one.get("checksumValue"), re.compile(rf"[0-9a-f]{{{digits}}}"))
    return found


def _licensed(found: dict[str, Any]) -> list[str]:
    values = [found[key] for key in ("licenseConcluded", "licenseDeclared") if key in found]
    values += found.get("licenseInfoFromFiles", []) + found.get("licenseInfoInFiles", [])
    return [p for value in values for p in _matching("licence", value, _LICENSE)]


def _package(package: dict[str, Any]) -> list[str]:
    found = [
        *_fields("package", package),
        *_matching("SPDXID", package.get("SPDXID"), _ID),
        *_matching("downloadLocation", package.get("downloadLocation"), _PLACE),
        *_licensed(package),
        *_checksums(package.get("checksums", [])),
    ]
    if package.get("primaryPackagePurpose") not in _PURPOSES:
        found.append(f"primaryPackagePurpose {package.get('primaryPackagePurpose')}")
    # Without analysed files there is neither a code nor a licence of them.
    analysed = package.get("filesAnalyzed", True)
    code = package.get("packageVerificationCode")
    if analysed != (code is not None) or analysed != ("licenseInfoFromFiles" in package):
        found.append("filesAnalyzed and what follows from it")
    if code is not None:
        found += _fields("packageVerificationCode", code)
        found += _matching("code", code.get("packageVerificationCodeValue"), re.compile(r"[0-9a-f]{40}"))
    return found


def _file(file: dict[str, Any]) -> list[str]:
    found = [
        *_fields("file", file),
        *_matching("SPDXID", file.get("SPDXID"), _ID),
        *_matching("fileName", file.get("fileName"), re.compile(r"\./[^/].*")),
        *_licensed(file),
        *_checksums(file.get("checksums", [])),
    ]
    if "SHA1" not in [one.get("algorithm") for one in file.get("checksums", [])]:
        found.append("a file without SHA1")
    return found
