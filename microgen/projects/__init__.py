"""A generated project: its files, its manifest, its folder, and how it has drifted."""

from .folder import MANIFEST, Project, check_target, digest, manifest_bytes, open_project, write, write_all

__all__ = ["MANIFEST", "Project", "check_target", "digest", "manifest_bytes", "open_project", "write", "write_all"]
