"""Rewrites a .tflite to the operators that TFLM has, where an exact rewrite exists."""

from .rewrite import RewriteReply, RewriteRequest, difference, needs_rewriting, rewrite, rewrite_warnings, rewritten

__all__ = [
    "RewriteReply",
    "RewriteRequest",
    "difference",
    "needs_rewriting",
    "rewrite",
    "rewrite_warnings",
    "rewritten",
]
