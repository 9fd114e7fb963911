"""The TOML files in `boards/`: a board, and the TFLM snapshot that it builds with.

A board is data: adding one is adding a file. So is what a kernel library asks of the arena: it stands in the
snapshot's file as an expression over the shapes of an operator's tensors, next to where it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from .cpus import Architecture, Cpu, CpuName
from .shapes import OpShape, check_expression, holds, worst


def _check_sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError("must be sorted, each entry once")
    return values


_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Url = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
_BoardName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
_SnapshotName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Date = Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$")]
_OpName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
_IdfComponent = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+/[a-z0-9_.-]+$")]
_Sources = Annotated[tuple[_Url, ...], Field(min_length=1)]
_OpNames = Annotated[tuple[_OpName, ...], AfterValidator(_check_sorted)]
_Expression = Annotated[str, AfterValidator(check_expression)]
PerChannel = Literal["supported", "refused", "silently-wrong"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Arena(_Model):
    """The margin added to the arena measured on the host.

    Attributes:
        margin_percent: percent of the measured minimum.
        margin_bytes: bytes on top of that.
    """

    margin_percent: NonNegativeInt
    margin_bytes: NonNegativeInt


class KnownIssue(_Model):
    """A known fault of this snapshot's kernels.

    Attributes:
        ops: the operators concerned.
        when: expression over an operator's shapes, true for the shapes that fail.
        effect: "wrong-values" (a wrong answer without a word) or "overrun" (it reads or writes memory that is
            not its own).
        text: a description for people.
        url: where it was reported, or the source that shows it.
    """

    ops: Annotated[_OpNames, Field(min_length=1)]
    when: _Expression = "1"
    effect: Literal["wrong-values", "overrun"]
    text: _Text
    url: _Url


class CodeSize(_Model):
    """The measured flash use of TFLM's code.

    Attributes:
        source: how it was measured.
        error_percent: how far a sum of these figures may be from what a board's own compiler makes of it, for each
            architecture (`Mcu.architecture`) that boards of this snapshot have.
        runtime_bytes: a firmware without any operator: interpreter, serial commands, C library.
        op_bytes: what each operator adds when it is the only one. Operators share code, so a sum is an upper bound.
    """

    source: _Text
    error_percent: Mapping[_Text, PositiveInt]
    runtime_bytes: PositiveInt
    op_bytes: Mapping[_OpName, NonNegativeInt]


class Native(_Model):
    """How this snapshot's library is built on a PC, by PlatformIO.

    Attributes:
        platform: PlatformIO's development platform for the PC.
        build_flags: on top of the snapshot's.
    """

    platform: _Text
    build_flags: tuple[_Text, ...]


class Component(_Model):
    """Software of others that is part of a firmware.

    Attributes:
        name: its name for people.
        version: "" if it is not known.
        license: an SPDX licence expression, or NOASSERTION.
        copyright: who holds it.
        url: where it is from.
    """

    name: _Text
    version: str = ""
    license: _Text
    copyright: _Text
    url: _Text


class TflmSnapshot(_Model):
    """One version of TensorFlow Lite Micro with its kernels, as some boards build it.

    Attributes:
        name: the name of its file, without ".toml".
        version: of the library that carries it.
        date: when its TFLM was taken from upstream, year and month, with the day where it is known.
        sources: sources of the figures.
        kernels: the optimised kernel library and its version.
        vector_unit: the unit of the CPU that its kernels use and other code cannot, for people; "" if there is none.
        per_channel_fully_connected: what it makes of FULLY_CONNECTED with int8 activations and one weight scale
            a channel; `_int16` is the same for int16 activations.
        int16x8: operators whose kernel takes int16 activations, as read in its sources; what only moves or reshapes
            memory without a look at the type is not listed.
        needs_bias: operators whose quantized kernel refuses to be prepared without a bias.
        int8_kernels: operators for which it has a registration of kernels for int8 alone, `Register_NAME_INT8` in the
            headers of its kernels; where that stands for the kernels for all types it is not listed.
        ops: schema names of the built-in operators that its MicroMutableOpResolver can register, sorted.
        custom_ops: the custom operators that it has a method for.
        lib_deps: PlatformIO libraries, as in `lib_deps`.
        idf_components: the same library as components of ESP-IDF's registry, each with its version.
        build_flags: flags that library and firmware both need.
        release_flags: flags besides, which leave out what only people read; empty if the library comes compiled.
        exclude_sources: patterns of the library's sources that must not be built, from its source folder.
        native: how it is built on a PC; one snapshot has this, for the golden vectors of every project.
        arena: the arena's margin.
        scratch: for each operator, an expression for the bytes of arena that this kernel library asks beyond
            what TFLM's reference kernels ask, while the operator runs. An upper bound; 0 for operators that are
            not here.
        persistent: the same for memory that a kernel keeps.
        temporary: the same for memory that a kernel takes only while it is prepared.
        structs: bytes of TFLM's own structs, where this library compiles them larger than the planner has them.
        code: the flash use of its code.
        known_issues: known faults.
        components: its components with their licences, the library itself first.
        notes: other facts for users.
    """

    name: _SnapshotName
    title: _Text
    version: _Text
    date: _Date
    sources: _Sources
    kernels: _Text
    vector_unit: str = ""
    per_channel_fully_connected: PerChannel
    per_channel_fully_connected_int16: PerChannel
    int16x8: _OpNames = ()
    needs_bias: _OpNames = ()
    int8_kernels: _OpNames = ()
    ops: Annotated[_OpNames, Field(min_length=1)]
    custom_ops: Annotated[tuple[_Text, ...], AfterValidator(_check_sorted)] = ()
    lib_deps: tuple[_Text, ...] = ()
    idf_components: Mapping[_IdfComponent, _Text] = Field(default_factory=dict)
    build_flags: tuple[_Text, ...] = ()
    release_flags: tuple[_Text, ...] = ()
    exclude_sources: tuple[_Text, ...] = ()
    native: Native | None = None
    arena: Arena
    scratch: Mapping[_OpName, _Expression] = Field(default_factory=dict)
    persistent: Mapping[_OpName, _Expression] = Field(default_factory=dict)
    temporary: Mapping[_OpName, _Expression] = Field(default_factory=dict)
    structs: Mapping[Literal["NodeAndRegistration", "TfLiteTensor"], PositiveInt] = Field(default_factory=dict)
    code: CodeSize
    known_issues: tuple[KnownIssue, ...] = ()
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    notes: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _only_its_own_ops(self) -> TflmSnapshot:
        concerned = (op for issue in self.known_issues for op in issue.ops)
        tables = (self.scratch, self.persistent, self.temporary, self.int16x8, self.int8_kernels, self.needs_bias)
        used = {*concerned}.union(*tables)
        if strange := sorted((used | set(self.code.op_bytes)) - set(self.ops)):
            raise ValueError(f"other fields name {', '.join(strange)}, which 'ops' lacks")
        if unmeasured := sorted(set(self.ops) - set(self.code.op_bytes)):
            raise ValueError(f"code.op_bytes lacks {', '.join(unmeasured)}")
        return self

    def scratch_bytes(self, op: str, shape: OpShape) -> int:
        """Return an upper bound of the arena bytes that `op` takes while it runs, beyond the reference kernel's."""
        return worst(self.scratch.get(op), shape)

    def persistent_bytes(self, op: str, shape: OpShape) -> int:
        """Return an upper bound of the arena bytes that `op` takes for good, beyond the reference kernel's."""
        return worst(self.persistent.get(op), shape)

    def temporary_bytes(self, op: str, shape: OpShape) -> int:
        """Return an upper bound of the arena bytes that `op` takes while it is prepared, beyond the reference's."""
        return worst(self.temporary.get(op), shape)

    def issues(self, op: str, shape: OpShape) -> tuple[KnownIssue, ...]:
        """Return the known issues that an operator of this shape meets, or may meet."""
        return tuple(issue for issue in self.known_issues if op in issue.ops and holds(issue.when, shape))

    def margin_bytes(self, arena_bytes: int) -> int:
        """Return the bytes to add to an arena of which `arena_bytes` were found to be needed."""
        return -(-arena_bytes * self.arena.margin_percent // 100) + self.arena.margin_bytes


class Region(_Model):
    """Additional RAM, for an arena or copies of inputs that do not fit among the static data.

    Attributes:
        name: "PSRAM", "RAM2".
        bytes: bytes that a firmware may use.
        build_flags: what puts the arena there (see placement.h).
        copies_build_flags: what puts there the copies of inputs and outputs that the serial commands keep; empty where
            they cannot lie there.
    """

    name: _Text
    bytes: PositiveInt
    build_flags: Annotated[tuple[_Text, ...], Field(min_length=1)]
    copies_build_flags: tuple[_Text, ...] = ()


class Core(_Model):
    """Memory use of the board's core with an almost empty sketch.

    Attributes:
        flash_bytes, ram_bytes: as its build reported them.
        stack_bytes: of the thread that runs loop(), where it lies in the RAM counted here; 0 if it has its own.
        stack_in: where it is then: "the RAM of the board core", "RAM of its own".
        error_percent: the error of flash and RAM.
        source: source of the figures.
        note: under which conditions.
    """

    flash_bytes: PositiveInt
    ram_bytes: PositiveInt
    stack_bytes: NonNegativeInt
    stack_in: _Text = "the RAM counted here"
    error_percent: PositiveInt
    source: _Url
    note: _Text


class Mcu(_Model):
    """The microcontroller of a board.

    Attributes:
        architecture: instruction set, as `CodeSize.error_percent` names it.
        clock_hz: clock in Hz, as the board's core sets it.
        flash_bytes: bytes of flash that the program and its model may take, as partitioned here.
        ram_bytes: bytes of RAM for all static data. What the board's core itself needs is part of it.
        code_in_ram: whether code is copied to that RAM at the start.
        fpu: whether it computes single-precision floats in hardware.
        regions: further RAM, the nearest first.
    """

    name: _Text
    cpu: _Text
    architecture: Architecture
    clock_hz: PositiveInt
    flash_bytes: PositiveInt
    ram_bytes: PositiveInt
    code_in_ram: bool = False
    fpu: bool
    regions: tuple[Region, ...] = ()


class Platformio(_Model):
    """The board's part of platformio.ini.

    Attributes:
        monitor_speed: bits per second of the serial port; the firmware's and the monitor's.
        options: further options of the environment, in this order.
        build_flags, build_unflags, lib_deps: on top of the snapshot's.
    """

    platform: _Text
    board: _Text
    framework: Literal["arduino"]
    monitor_speed: PositiveInt
    options: Mapping[_Text, str | int] = Field(default_factory=dict)
    build_flags: tuple[_Text, ...] = ()
    build_unflags: tuple[_Text, ...] = ()
    lib_deps: tuple[_Text, ...] = ()


class PicoSdk(_Model):
    """What the Raspberry Pi Pico SDK must know of a board.

    Attributes:
        board: its PICO_BOARD, the name of one of the SDK's headers.
    """

    board: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]


class EspIdf(_Model):
    """What ESP-IDF must know of a board.

    Attributes:
        target: its IDF_TARGET, the chip.
        flash_mb: the whole flash, in MiB; what of it the program may take is `Mcu.flash_bytes`.
        sdkconfig: further lines of sdkconfig.defaults.
    """

    target: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")]
    flash_mb: Literal[1, 2, 4, 8, 16, 32, 64, 128]
    sdkconfig: tuple[Annotated[str, StringConstraints(pattern=r'^CONFIG_[A-Z0-9_]+=(y|n|\d+|"[^"\\\n]*")$')], ...] = ()


class Zephyr(_Model):
    """What Zephyr must know of a board.

    Attributes:
        board: its name in Zephyr, with qualifiers, as `west build -b` takes it.
        snippet: a snippet of Zephyr's that the serial port needs; "" for none.
    """

    board: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(@[A-Za-z0-9_.]+)?(/[a-z0-9_]+)*$")]
    snippet: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]*$")] = ""


class Sensor(_Model):
    """A sensor of a board, or one that is commonly wired to it.

    Attributes:
        kind: what applications ask for: "microphone".
        title: for people, with its pins where it is not on the board.
        driver: the file that reads it, in firmware/platform/arduino/sensors/ and in the folders of the other platforms
            that have a driver for it.
        build_flags, lib_deps: on top of the board's.
        image_sizes: of a camera, width and height of the images that its driver gives; none: any.
        source: where that was read.
    """

    kind: Literal["microphone", "motion", "camera"]
    title: _Text
    driver: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\.cc$")]
    build_flags: tuple[_Text, ...] = ()
    lib_deps: tuple[_Text, ...] = ()
    image_sizes: tuple[tuple[int, int], ...] = ()
    source: _Url


class BoardFile(_Model):
    """The contents of a board's file; see `Board`."""

    name: _BoardName
    title: _Text
    vendor: _Text
    url: _Url
    aliases: tuple[_BoardName, ...] = ()
    tflm: _SnapshotName | None = None
    cpu: CpuName
    mcu: Mcu
    core: Core
    platformio: Platformio
    pico_sdk: PicoSdk | None = None
    esp_idf: EspIdf | None = None
    zephyr: Zephyr | None = None
    sensors: tuple[Sensor, ...] = ()
    upload: _Text
    status: _Text
    sources: _Sources


class Board(BoardFile):
    """A board, complete with the TFLM snapshot that it builds with; None if nobody has built TFLM for it.

    Attributes:
        name: the name of its file, without ".toml", and of its PlatformIO environment.
        aliases: alternative names.
        tflm: name of the snapshot.
        snapshot: the snapshot itself.
        cpu: name of its CPU in boards/cpus/.
        processor: the CPU itself.
        sensors: those that applications can read, the first of a kind before others.
        upload: steps that a person must do before an upload.
        status: what has been proven for this board, and how.
        sources: sources of the figures.
    """

    snapshot: TflmSnapshot | None
    processor: Cpu
