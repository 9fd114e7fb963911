"""The frontend for PyTorch programs (.pt2) and nn.Module objects."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import InputError, SetupError, option
from ..frontend import ConvertOptions, Frontend, Source

if TYPE_CHECKING:
    from ...datasets import Request
    from ..converted import Converted


class _PyTorch(Frontend):
    """See `Frontend`."""

    name = "pytorch"
    title = "a PyTorch program (.pt2) or module"
    suffixes = (".pt2", ".pt", ".pth")
    trust = (
        "PyTorch's loader, which may run code of the file, never sees it; microgen reads its JSON as JSON and its "
        "weights as numbers, permits only listed operators, and rejects pickled parts, TorchScript and whole "
        "modules; a separate process then rebuilds the model"
    )
    packages = ("torch", "litert_torch", "ai_edge_quantizer")
    extra = "torch"

    def matches(self, source: Source) -> bool:
        return source.path.suffix.lower() in self.suffixes and source.path.is_file()

    def kind(self, source: Source) -> str:
        return "pt2"

    def needs_calibration(self, source: Source) -> bool:
        from .archive import read_program

        read_program(source.path)  # what cannot be converted is rejected before data is asked for
        return True

    def _prepare(self) -> None:
        """Let the converter be loaded while the model is still looked at."""
        from ... import workers
        from ..tracing.packages import ENGINE

        if all(importlib.util.find_spec(package) for package in self.packages):
            workers.prepare(ENGINE)

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> Converted:
        from ...workers import converter
        from ..tracing.finish import quantized
        from ..tracing.packages import ENGINE
        from ..tracing.request import ConvertRequest
        from .archive import read_program
        from .job import convert

        warnings = read_program(source.path).warnings
        options.on_step("converting the model, and comparing it with PyTorch")
        request = ConvertRequest.of(source, calibration, options)
        reply = converter.run(convert, request, packages=self.packages, extra=self.extra, engine=ENGINE)
        return quantized(reply, source.path.stem, warnings, options)

    def matches_object(self, model: object) -> bool:
        module = sys.modules.get("torch.nn")
        return module is not None and isinstance(model, module.Module)

    def object_name(self, model: Any) -> str:  # noqa: ANN401 - the packages are not there for the types
        return type(model).__name__.lower()

    def save(self, model: Any, folder: Path, example: Any = None) -> Path:  # noqa: ANN401
        """Export a module with its example, cut to one sample."""
        import torch

        from .archive import EXPORT

        name = type(model).__name__
        training = next((path for path, part in model.named_modules() if part.training), None)
        if training is not None:
            where = f"its module '{training}'" if training else "it"
            raise InputError(
                f"module {name}: {where} is in train mode, in which dropout is random and normalization takes the mean "
                "of the batch",
                "call model.eval() first",
            )
        if example is None:
            raise InputError(
                f"module {name}: its input is unknown",
                f"give an example of its input: {option('example', 'torch.zeros(1, 3, 32, 32)')}",
                option="example",
            )
        given = example if isinstance(example, (tuple, list)) else (example,)
        inputs = tuple(torch.as_tensor(x)[:1].cpu() for x in given)
        if "tensorflow" in sys.modules and "triton" not in sys.modules and importlib.util.find_spec("triton"):
            raise SetupError(
                f"module {name}: torch.export would load Triton, which crashes in a process that has loaded TensorFlow",
                "import triton before tensorflow, or export the module in another process and build its .pt2",
            )
        self._prepare()
        path = folder / "model.pt2"
        try:
            with torch.no_grad():
                torch.export.save(torch.export.export(model.cpu(), inputs), path)
        except Exception as error:  # PyTorch raises whatever the module's own code meets
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"module {name}: torch.export rejects it: {first[:300]}",
                f"make this call work first: {EXPORT}",
            ) from None
        return path


FRONTEND = _PyTorch()
