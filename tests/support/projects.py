"""Projects and their files without a build."""

from __future__ import annotations

from pathlib import Path

from microgen.deployment import Deployment, Golden
from microgen.devices import Sources
from microgen.projects import DEFAULT_PROJECT, PROJECTS, open_project
from microgen.projects.kind import Parts
from microgen.projects.manifest import project_sources


def project_files(deployment: Deployment, kind: str = DEFAULT_PROJECT) -> dict[str, bytes]:
    """The generated files of a project whose golden vector is all zeros."""
    golden = Golden(
        *((bytes(sum(t.bytes for t in edge)),) for edge in (deployment.model.inputs, deployment.model.outputs))
    )
    return PROJECTS.get(kind).files(Parts(deployment, golden))


def sources(project: Path) -> Sources:
    """The sources of a project on disk."""
    return project_sources(open_project(project))
