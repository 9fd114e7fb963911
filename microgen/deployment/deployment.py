"""A model, or several models of one firmware, decided for a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..applications import APPLICATIONS, DEFAULT_APPLICATION
from ..applications.application import Application
from ..boards import Board, Sensor, list_boards
from ..errors import InputError, option
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import DEFAULT_CODE, Arena, CodeOptions, FirmwarePlan, RuntimePlan
from ..support.render import c_identifier
from ..tflite import TfliteModel
from .labels import check_labels


@dataclass(frozen=True)
class Deployment:
    """All decisions that a project is rendered from.

    Attributes:
        name: the model's name, which a firmware of one model has too.
        plan: how the runtime runs the model on the board, if it is alone.
        labels: names of the elements of the first output.
        application: what the firmware does besides answering the serial commands.
        selftest_at_boot: whether the golden vectors run when the board starts.
        sensor: of the board, that its application reads.
        others: the other models of the same firmware, in their order.
        shared: how the runtime runs all of them together; None for one model.
    """

    name: str
    model: TfliteModel
    board: Board
    plan: RuntimePlan
    labels: tuple[str, ...]
    application: Application
    selftest_at_boot: bool = False
    sensor: Sensor | None = None
    others: tuple[Deployment, ...] = ()
    shared: FirmwarePlan | None = None

    @property
    def models(self) -> tuple[Deployment, ...]:
        """Each model of the firmware, by its number."""
        return (self, *self.others)

    @property
    def firmware(self) -> FirmwarePlan:
        """How the runtime runs the models of the firmware; `plan` for a single model."""
        return self.shared or self.plan

    @property
    def arena(self) -> Arena:
        """The memory in which the models' tensors lie."""
        return self.firmware.arena

    @property
    def warnings(self) -> tuple[str, ...]:
        """Known faults of the board's kernels that concern the models, and unknown parts of their memory."""
        return self.firmware.warnings

    @property
    def identifier(self) -> str:
        """The model's name in C, if the firmware has several models."""
        return c_identifier(self.name)


def check_model(model: TfliteModel, board: Board, *, allow_float: bool = False, runtime: str = DEFAULT_RUNTIME) -> None:
    """Reject a model that a runtime cannot run on this board; see `microgen.runtimes.runtime.Runtime`.

    Raises:
        InputError: it cannot; the hint names another runtime that can, if there is one.
    """
    try:
        RUNTIMES.get(runtime).check(model, board, allow_float=allow_float)
    except InputError as error:
        able = [name for name in RUNTIMES.names if _takes(name, model, board, allow_float)]
        if not able:
            raise
        message, hint = error.template
        raise InputError(message, f"{hint}, or take {option('runtime', able[0])}", **error.data) from None


def _takes(runtime: str, model: TfliteModel, board: Board, allow_float: bool) -> bool:
    try:
        RUNTIMES.get(runtime).check(model, board, allow_float=allow_float)
    except InputError:
        return False
    return True


def deploy(
    name: str,
    model: TfliteModel,
    board: Board,
    host_min_bytes: int = 0,
    labels: Sequence[str] = (),
    application: Application | None = None,
    arena_bytes: int | None = None,
    runtime: str = DEFAULT_RUNTIME,
    code: CodeOptions = DEFAULT_CODE,
) -> Deployment:
    """Decide how a model goes onto a board.

    Args:
        name: the firmware's name.
        model: a model that `check` accepted.
        board: the board.
        host_min_bytes: the smallest arena that works on the host; 0 if it was not measured.
        labels: names of the elements of the first output.
        application: what the firmware does with the model; None: answer the serial commands.
        arena_bytes: size of the arena, if it was measured on the board.
        runtime: the name of the runtime.
        code: the goal of the code that the runtime generates.

    Raises:
        InputError: the labels do not fit the first output, the application cannot work with the model or the board
            or lacks its sensor, no board could run the model in that arena, or the runtime has no such code.
    """
    check_labels(model, labels)
    application = application or APPLICATIONS.get(DEFAULT_APPLICATION)
    sensor = _sensor(application, board)
    application.check(model, board, labels)
    plan = RUNTIMES.get(runtime).plan(model, board, host_min_bytes, arena_bytes, code)
    return Deployment(name, model, board, plan, tuple(labels), application, sensor=sensor)


def _sensor(application: Application, board: Board) -> Sensor | None:
    """Return the sensor of a board that an application reads."""
    if not application.sensor:
        return None
    for sensor in board.sensors:
        if sensor.kind == application.sensor:
            return sensor
    others = [b.name for b in list_boards() if any(s.kind == application.sensor for s in b.sensors)]
    raise InputError(
        f"{board.title} has no {application.sensor} sensor, which the application '{application.name}' reads",
        f"boards with one: {', '.join(others)}; or add [[sensors]] to your own board file",
        option="board",
    )


def check_names(names: Sequence[str]) -> None:
    """Reject models of one firmware whose names are equal in C.

    Raises:
        InputError: two are not.
    """
    taken: dict[str, str] = {}
    for name in names:
        if other := taken.get(c_identifier(name)):
            both = (
                f"two models have the name '{name}'"
                if other == name
                else f"'{other}' and '{name}' are the same name in C"
            )
            hint = f"give each a name: {option('name', 'FIRST')} {option('name', 'SECOND')}"
            raise InputError(both, hint, option="name")
        taken[c_identifier(name)] = name


def deploy_together(deployments: Sequence[Deployment]) -> Deployment:
    """Put several models into one firmware, which gets the name of the first.

    Args:
        deployments: each model alone, for the same board, runtime and application.

    Returns:
        The first, with the others; itself where there are none.

    Raises:
        InputError: two models have names that are the same in C, or the runtime runs one model only.
    """
    first, *others = deployments
    if not others:
        return first
    check_names([d.name for d in deployments])
    plans = {d.identifier: d.plan for d in deployments}
    return replace(first, others=tuple(others), shared=RUNTIMES.get(first.plan.runtime).share(plans))
