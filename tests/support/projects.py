"""Projects and their files without a build."""

from __future__ import annotations

from pathlib import Path

from microgen.deployment import Deployment, Golden
from microgen.devices import Sources
from microgen.projects import DEFAULT_PROJECT, PROJECTS, open_project
from microgen.projects.kind import Parts
from microgen.projects.manifest import project_sources


def all_zero(deployment: Deployment) -> Parts:
    """The parts of a project whose golden vector is all zeros."""
    edges = (deployment.model.inputs, deployment.model.outputs)
    return Parts(deployment, Golden(*((bytes(sum(t.bytes for t in edge)),) for edge in edges)))


def project_files(deployment: Deployment, kind: str = DEFAULT_PROJECT) -> dict[str, bytes]:
    """The generated files of a project whose golden vector is all zeros."""
    return PROJECTS.get(kind).files(all_zero(deployment))


def sources(project: Path) -> Sources:
    """The sources of a project on disk."""
    return project_sources(open_project(project))


def with_application(project: Path) -> Path:
    """Let a project's main.cpp run its example: an inference of its own, on other values, in every pass of loop()."""
    main = project / "src/main.cpp"
    head, rest = main.read_text().split("like so:\n  //\n", 1)
    example, rest = rest.split("  //\n", 1)
    code = "".join(line.replace("  //  ", "", 1) + "\n" for line in example.splitlines())
    assert "model::Invoke()" in code and "//" not in code
    sensor = "float ReadSensor() {\n  static int n = 0;\n  return static_cast<float>(n++ % 23) * 0.1f - 1.1f;\n}\n\n"
    main.write_text(f"{head}like so:\n{code}  //\n{rest}".replace("}  // namespace", f"{sensor}}}  // namespace", 1))
    return project
