"""The frontend for ONNX files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..frontend import ConvertOptions, Frontend, Source

if TYPE_CHECKING:
    from ...datasets import Request
    from ..converted import Converted


class _Onnx(Frontend):
    """See `Frontend`."""

    name = "onnx"
    title = "an ONNX model"
    suffixes = (".onnx",)
    trust = (
        "read as protocol buffers; microgen rejects custom operators and weights outside the file's folder; "
        "onnxruntime folds constants in a separate process"
    )
    packages = ("onnx", "onnxruntime", "torch", "litert_torch", "ai_edge_quantizer")
    extra = "torch"

    def matches(self, source: Source) -> bool:
        return source.path.suffix.lower() in self.suffixes and source.path.is_file()

    def kind(self, source: Source) -> str:
        return "onnx"

    def needs_calibration(self, source: Source) -> bool:
        return True

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> Converted:
        from ...workers import converter
        from ..tracing.finish import quantized
        from ..tracing.packages import ENGINE
        from ..tracing.request import ConvertRequest
        from .job import convert

        options.on_step("converting the model, and comparing it with onnxruntime")
        request = ConvertRequest.of(source, calibration, options)
        reply = converter.run(convert, request, packages=self.packages, extra=self.extra, engine=ENGINE)
        return quantized(reply.model, source.path.stem, reply.warnings, options)


FRONTEND = _Onnx()
