from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from microgen.boards import Board, TflmSnapshot, board_names, list_boards, load_board
from microgen.boards.shapes import OpShape
from microgen.cli.spelling import SHELL
from microgen.errors import InputError
from microgen.support import resources, toml

FOLDER = resources.path("boards")
SHIPPED = [
    "esp32", "esp32c3", "esp32c6", "esp32cam", "esp32p4", "esp32s2", "esp32s3", "esp32s3-n16r8", "giga-r1",
    "nano-rp2040", "nano33ble", "nano33ble-sense-rev2", "nicla-vision", "nucleo-f446re", "nucleo-f767zi",
    "nucleo-h743zi", "pico", "pico2", "picow", "portenta-h7", "teensy41", "xiao-esp32s3", "xiao-nrf52840-sense",
]  # fmt: skip
SNAPSHOTS = sorted(p.stem for p in (FOLDER / "tflm").glob("*.toml"))
# The operators of MLPerf Tiny's keyword spotting model.
KWS_OPS = {"CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"}
KWS_CONV = OpShape((1, 49, 10, 1), (1, 25, 5, 64), (64, 10, 4, 1))
KWS_DEPTHWISE = OpShape((1, 25, 5, 64), (1, 25, 5, 64), (1, 3, 3, 64))
KWS_POINTWISE = OpShape((1, 25, 5, 64), (1, 25, 5, 64), (64, 1, 1, 64))


def snapshot(board: str) -> TflmSnapshot:
    return load_board(board).snapshot


# ---- what ships


def test_the_shipped_boards() -> None:
    assert board_names() == SHIPPED
    assert [b.name for b in list_boards()] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_board_is_complete(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert board.snapshot.name == board.tflm
    assert 2**19 <= board.mcu.flash_bytes < 2**24
    assert 2**16 < board.mcu.ram_bytes <= 2**19
    assert board.mcu.architecture in board.snapshot.code.error_percent
    assert board.core.flash_bytes < board.mcu.flash_bytes and board.core.ram_bytes < board.mcu.ram_bytes
    assert board.platformio.options["upload_protocol"]
    assert "physical board" in board.status, "the status says whether the board was ever there"
    assert board.platformio.monitor_speed == 115200


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_every_snapshot_is_used_and_named_after_its_file(name: str) -> None:
    assert name in {b.tflm for b in list_boards()}
    assert snapshot(next(b.name for b in list_boards() if b.tflm == name)).name == name


def test_names_and_aliases_are_unique() -> None:
    count = Counter(alias for board in list_boards() for alias in (board.name, *board.aliases))
    assert [alias for alias, times in count.items() if times > 1] == []


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.toml")), ids=lambda p: p.stem)
def test_files_name_no_place_on_this_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert all(line.rstrip() == line for line in text.splitlines())


@pytest.mark.parametrize(
    ("board", "ops", "custom_ops"), [("esp32", 100, 17), ("esp32s3", 100, 17), ("pico", 96, 16), ("nano33ble", 94, 2)]
)
def test_ops_of_the_snapshots(board: str, ops: int, custom_ops: int) -> None:
    found = snapshot(board)
    assert (len(found.ops), len(found.custom_ops)) == (ops, custom_ops)
    assert set(found.ops) >= KWS_OPS


def test_what_older_snapshots_lack() -> None:
    esp, pico, nano = (set(snapshot(b).ops) for b in ("esp32", "pico", "nano33ble"))
    assert esp - pico == {"DYNAMIC_UPDATE_SLICE", "REDUCE_ALL", "REDUCE_MIN", "REVERSE_V2"}
    assert pico - nano == {"BATCH_MATMUL", "EMBEDDING_LOOKUP"}
    assert not nano - pico


@pytest.mark.parametrize(
    ("board", "int8", "int16"),
    [
        ("esp32", "supported", "silently-wrong"),
        ("esp32s3", "supported", "silently-wrong"),
        ("pico", "supported", "refused"),
        ("nano33ble", "silently-wrong", "silently-wrong"),
    ],
)
def test_per_channel_fully_connected(board: str, int8: str, int16: str) -> None:
    found = snapshot(board)
    assert (found.per_channel_fully_connected, found.per_channel_fully_connected_int16) == (int8, int16)


def test_the_s3_extends_the_esp32_snapshot() -> None:
    base, s3 = snapshot("esp32"), snapshot("esp32s3")
    assert (s3.ops, s3.version, s3.arena) == (base.ops, base.version, base.arena)
    assert s3.kernels != base.kernels
    assert s3.scratch["SOFTMAX"] == base.scratch["SOFTMAX"]
    assert set(base.known_issues) < set(s3.known_issues)
    assert set(base.notes) < set(s3.notes)


def test_only_the_boards_of_the_arduino_library_need_another_language_version() -> None:
    for board in list_boards():
        changed = (board.platformio.build_unflags, "-std=gnu++17" in board.platformio.build_flags)
        assert changed == ((("-std=gnu++14",), True) if board.tflm == "chirale-2.0.0" else ((), False))


def test_flags_and_libraries_of_snapshot_and_board() -> None:
    board = load_board("nano33ble")
    assert board.snapshot.lib_deps == ("spaziochirale/Chirale_TensorFLowLite@2.0.0",)
    assert board.platformio.build_flags == ("-std=gnu++17",)
    assert "-DTF_LITE_STATIC_MEMORY=1" in load_board("pico").snapshot.build_flags


# ---- scratch memory


@pytest.mark.parametrize(
    ("board", "op", "shape", "expected"),
    [
        # 4 bytes an element of the window: two columns of int16.
        ("pico", "CONV_2D", KWS_CONV, 160),
        ("pico", "CONV_2D", KWS_POINTWISE, 256),
        ("nano33ble", "CONV_2D", KWS_CONV, 160),
        ("pico", "DEPTHWISE_CONV_2D", KWS_DEPTHWISE, 0),
        ("pico", "DEPTHWISE_CONV_2D", OpShape((1, 25, 5, 64), (1, 25, 5, 64), (1, 5, 5, 64)), 2 * 25 * 64),
        ("nano33ble", "DEPTHWISE_CONV_2D", KWS_DEPTHWISE, 1152),
        ("pico", "AVERAGE_POOL_2D", OpShape((1, 25, 5, 64), (1, 1, 1, 64)), 256),
        ("pico", "FULLY_CONNECTED", OpShape((1, 64), (1, 12), (12, 64)), 0),
        ("pico", "FULLY_CONNECTED", OpShape((1, 5, 64), (1, 5, 12), (12, 64)), 96),
        # ESP-NN without vector instructions asks for scratch memory in SOFTMAX only.
        ("esp32", "CONV_2D", KWS_CONV, 0),
        ("esp32", "SOFTMAX", OpShape((1, 12), (1, 12)), 48),
        ("esp32", "SOFTMAX", OpShape((1, 12), (1, 12), activation_bytes=2), 0),
        # The rest were computed by esp_nn_get_*_scratch_size_esp32s3 itself, compiled for the host.
        ("esp32s3", "SOFTMAX", OpShape((1, 12), (1, 12)), 48),
        ("esp32s3", "CONV_2D", KWS_CONV, 3472),
        ("esp32s3", "CONV_2D", KWS_POINTWISE, 5184),
        ("esp32s3", "DEPTHWISE_CONV_2D", KWS_DEPTHWISE, 12688),
        ("esp32s3", "CONV_2D", OpShape((1, 32, 32, 3), (1, 32, 32, 16), (16, 3, 3, 3)), 704),
        ("esp32s3", "CONV_2D", OpShape((1, 32, 32, 16), (1, 16, 16, 32), (32, 3, 3, 16)), 27904),
        ("esp32s3", "RESHAPE", OpShape((1, 12), (12, 1)), 0),
        ("esp32p4", "DEPTHWISE_CONV_2D", KWS_DEPTHWISE, 0),
        ("esp32p4", "SOFTMAX", OpShape((1, 12), (1, 12)), 48),
        # Computed by hand from esp_nn_get_conv_scratch_size_esp32p4.
        ("esp32p4", "CONV_2D", KWS_CONV, 4 * 64 + 40 + 32 + 8),
        ("esp32p4", "CONV_2D", KWS_POINTWISE, 64 * 64 + 16 * 64 + 32),
        ("esp32p4", "CONV_2D", OpShape((1, 9, 9, 8), (1, 9, 9, 5), (5, 1, 1, 8)), 20 * 5 + 64 + 12),
        ("esp32p4", "CONV_2D", OpShape((1, 32, 32, 3), (1, 32, 32, 16), (16, 2, 2, 3)), 17504),
    ],
)
def test_scratch_bytes(board: str, op: str, shape: OpShape, expected: int) -> None:
    assert snapshot(board).scratch_bytes(op, shape) == expected


def test_unknown_strides_count_as_the_worst() -> None:
    shape = ((1, 8, 8, 32), (1, 3, 3, 32), (1, 3, 3, 32))
    s3 = snapshot("esp32s3")
    valid_by_two = s3.scratch_bytes("DEPTHWISE_CONV_2D", OpShape(*shape, strides=(2, 2)))
    same_by_three = s3.scratch_bytes("DEPTHWISE_CONV_2D", OpShape(*shape, strides=(3, 3)))
    assert valid_by_two == 304 < same_by_three
    assert s3.scratch_bytes("DEPTHWISE_CONV_2D", OpShape(*shape)) >= same_by_three


@pytest.mark.parametrize(
    "shape",
    [
        OpShape((1, 30, 30, 8), (1, 30, 30, 8), (8, 3, 3, 8), strides=(1, 1), dilations=(2, 2)),
        OpShape((1, 30, 30, 8), (1, 26, 26, 8), (8, 3, 3, 8)),  # VALID, dilated by 2
        OpShape((1, 8, 8, 8), (1, 16, 16, 8), (8, 3, 3, 8)),  # transposed
        OpShape((1, 4, 4, 8), (1, 3, 5, 8), (8, 3, 3, 8)),  # nothing explains this
        OpShape((1, 1, 1, 8), (1, 1, 1, 8), (8, 1, 1, 8)),
        OpShape((1, 6), (1, 6)),
        OpShape((), ()),
    ],
)
@pytest.mark.parametrize("board", SHIPPED)
def test_every_expression_has_a_value_for_odd_shapes(board: str, shape: OpShape) -> None:
    found = snapshot(board)
    for op in found.ops:
        assert found.scratch_bytes(op, shape) % 16 == found.persistent_bytes(op, shape) % 16 == 0
        found.issues(op, shape)


def test_what_operators_keep_for_good_stands_apart_from_scratch() -> None:
    nano, pico = snapshot("nano33ble"), snapshot("pico")
    dense = OpShape((1, 5, 64), (1, 5, 12), (12, 64))
    assert nano.scratch_bytes("FULLY_CONNECTED", dense) == 0
    assert nano.persistent_bytes("FULLY_CONNECTED", dense) == 16 + 96  # its own struct, and two arrays
    lstm = OpShape((1, 20, 6), (1, 20, 10), (10, 6))
    for found, expected in ((pico, 8 * 48 + 224), (nano, 8 * 48 + 512 + 208)):
        both = (found.scratch_bytes, found.persistent_bytes)
        assert sum(size("UNIDIRECTIONAL_SEQUENCE_LSTM", lstm) for size in both) == expected


def test_margin() -> None:
    assert snapshot("esp32").margin_bytes(24272) == 243 + 32


# ---- known issues


@pytest.mark.parametrize(
    ("board", "op", "shape", "issue"),
    [
        ("esp32", "SOFTMAX", OpShape((1, 12), (1, 12)), None),
        ("esp32", "SOFTMAX", OpShape((1, 4, 12), (1, 4, 12)), "softmax.cc"),
        ("esp32", "FULLY_CONNECTED", OpShape((2, 30), (2, 4), (4, 30)), None),
        ("esp32s3", "FULLY_CONNECTED", OpShape((1, 30), (1, 4), (4, 30)), None),
        ("esp32s3", "FULLY_CONNECTED", OpShape((2, 32), (2, 4), (4, 32)), None),
        ("esp32s3", "FULLY_CONNECTED", OpShape((2, 30), (2, 4), (4, 30)), "issues/34"),
        ("esp32s3", "DEPTHWISE_CONV_2D", KWS_DEPTHWISE, None),
        ("esp32s3", "DEPTHWISE_CONV_2D", OpShape((1, 49, 20, 32), (1, 25, 10, 32), (1, 3, 3, 32)), "issues/30"),
        ("esp32s3", "CONV_2D", KWS_CONV, None),
        ("esp32s3", "CONV_2D", OpShape((1, 32, 32, 16), (1, 16, 16, 32), (32, 3, 3, 16)), None),
        ("esp32s3", "CONV_2D", OpShape((1, 33, 32, 16), (1, 17, 16, 32), (32, 3, 3, 16)), "issues/31"),
        ("pico", "CONV_2D", OpShape((1, 33, 32, 16), (1, 17, 16, 32), (32, 3, 3, 16)), None),
    ],
)
def test_known_issues(board: str, op: str, shape: OpShape, issue: str | None) -> None:
    found = [i.url for i in snapshot(board).issues(op, shape)]
    assert len(found) == (issue is not None)
    assert all(issue in url for url in found if issue)


# ---- finding a board


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("esp32", "esp32"),
        ("ESP32", "esp32"),
        ("esp32dev", "esp32"),
        ("ESP32-S3", "esp32s3"),
        ("esp32-c3-devkitm-1", "esp32c3"),
        ("rp2040", "pico"),
        ("rpipico", "pico"),
        ("rp2350", "pico2"),
        ("Arduino", "nano33ble"),
        ("nano33", "nano33ble"),
        ("nano33ble-sense", "nano33ble"),
        (" pico ", "pico"),
    ],
)
def test_names_and_aliases(typed: str, name: str) -> None:
    assert load_board(typed).name == name


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("esp32s33", "'esp32s3' (ESP32-S3-DevKitC-1)"),
        ("pico22", "'pico2' (Raspberry Pi Pico 2)"),
        ("rp2O40", "'rp2040' (Raspberry Pi Pico)"),
        ("nano", "'nano33' (Arduino Nano 33 BLE (Sense))"),
    ],
)
def test_a_near_name_is_suggested_with_its_board(typed: str, near: str) -> None:
    with pytest.raises(InputError, match=f"there is no board '{typed}'") as caught:
        load_board(typed)
    assert f"did you mean {near}?" in caught.value.hint
    assert "microgen boards" in caught.value.hint
    assert caught.value.exit_code == 2


def test_several_names_in_one_are_taken_apart_in_the_hint() -> None:
    with pytest.raises(InputError, match="there is no board 'pico,esp32'") as caught:
        load_board("pico,esp32")
    assert "--board pico --board esp32; `microgen boards`" in caught.value.spelled(SHELL)[1]
    assert caught.value.option == "board" and "--" not in caught.value.hint


@pytest.mark.parametrize(
    "typed", ["", "..", "\x1b[31m", "uno", "arduino-uno", "esp8266", "nodemcu", "mega", "nrf52832"]
)
def test_nothing_near(typed: str) -> None:
    with pytest.raises(InputError, match="there is no board") as caught:
        load_board(typed)
    assert "did you mean" not in caught.value.hint
    assert "32-bit" in caught.value.hint and "microgen boards" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_a_board_file_of_ones_own_names_a_shipped_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (FOLDER / "pico.toml").read_text("utf-8").replace('name = "pico"', 'name = "my-board"')
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    board = load_board(str(path))
    assert board.name == "my-board"
    assert board.snapshot == load_board("pico").snapshot
    monkeypatch.chdir(tmp_path)
    assert load_board("mine.toml") == load_board("./mine.toml") == board
    (tmp_path / "noext").write_text(text, "utf-8")
    assert load_board("./noext") == board


def test_a_board_cannot_be_changed() -> None:
    board = load_board("pico")
    with pytest.raises(ValueError, match="frozen"):
        board.name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        board.mcu.ram_bytes = 1  # type: ignore[misc]
    assert all(isinstance(value, tuple) for value in (board.aliases, board.sources, board.snapshot.ops))


def test_a_board_goes_through_json() -> None:
    board = load_board("esp32s3")
    assert Board.model_validate_json(board.model_dump_json()) == board


# ---- files that are wrong


REGION = '[[mcu.regions]]\nname = "RAM2"\nbytes = 9\nbuild_flags = ["-DX"]\n'


def wrong(tmp_path: Path, old: str, new: str) -> InputError:
    text = (FOLDER / "nano33ble.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        load_board(str(path))
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('vendor = "Arduino"', "", "field 'vendor' is missing"),
        ("clock_hz = 64_000_000", "", "field 'mcu.clock_hz' is missing"),
        ("[platformio]\n", "[platform_io]\n", "field 'platformio.platform' is missing (and 4 more)"),
        ('vendor = "Arduino"', 'vendor = "Arduino"\nvendors = 1', "unknown field 'vendors'"),
        ("fpu = true", "fpu = true\nfpus = true", "unknown field 'mcu.fpus'"),
        ('vendor = "Arduino"', 'vendor = "Arduino"\nsnapshot = 1', "unknown field 'snapshot'"),
        ("ram_bytes = 259_584", "ram_bytes = -1", "field 'mcu.ram_bytes': Input should be greater than 0"),
        ("flash_bytes = 983_040", "flash_bytes = 0", "field 'mcu.flash_bytes': Input should be greater than 0"),
        ("clock_hz = 64_000_000", "clock_hz = 64e6", "field 'mcu.clock_hz': Input should be a valid integer"),
        ("clock_hz = 64_000_000", "clock_hz = true", "field 'mcu.clock_hz': Input should be a valid integer"),
        ("fpu = true", 'fpu = "yes"', "field 'mcu.fpu': Input should be a valid boolean"),
        ('framework = "arduino"', 'framework = "espidf"', "field 'platformio.framework': Input should be 'arduino'"),
        ("monitor_speed = 115200", "monitor_speed = [1]", "field 'platformio.monitor_speed': Input should be"),
        ('upload_protocol = "sam-ba"', "upload_protocol = [1]", "field 'platformio.options.upload_protocol"),
        ('build_flags = ["-std=gnu++17"]', 'build_flags = "-O2"', "field 'platformio.build_flags': Input should be"),
        ('build_flags = ["-std=gnu++17"]', "build_flags = [1]", "field 'platformio.build_flags.0': Input should be"),
        ('name = "nano33ble"', 'name = "Nano 33"', "field 'name': String should match pattern"),
        ('name = "nano33ble"', 'name = ""', "field 'name': String should match pattern"),
        ('vendor = "Arduino"', 'vendor = " "', "field 'vendor': String should have at least 1 character"),
        ('tflm = "chirale-2.0.0"', 'tflm = "../../etc/passwd"', "field 'tflm': String should match pattern"),
        ('tflm = "chirale-2.0.0"', 'tflm = "chirale-2.1.0"', "field 'tflm': no TFLM snapshot 'chirale-2.1.0'"),
        ('vendor = "Arduino"', "vendor =", "not valid TOML: Invalid value (at line 3, column 9)"),
        ('vendor = "Arduino"', 'vendor = "A"\nvendor = "B"', "not valid TOML: Cannot overwrite a value (at line 4"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in wrong(tmp_path, old, new).message


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("fpu = true", "fpu = true\nram_byte = 1", "did you mean 'ram_bytes'?"),
        ('vendor = "Arduino"', 'vendor = "Arduino"\nvendors = 1', "did you mean 'vendor'?"),
        ('tflm = "chirale-2.0.0"', 'tflm = "chirale-2.1.0"', "did you mean 'chirale-2.0.0'?"),
        ("ram_bytes = 259_584", "ram_bytes = -1", "it is -1 now"),
        ("\n[core]", f"\n{REGION}byte = 9\n\n[core]", "did you mean 'bytes'?"),
    ],
)
def test_the_hint_for_a_wrong_file(tmp_path: Path, old: str, new: str, hint: str) -> None:
    assert hint in wrong(tmp_path, old, new).hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml: no such board file"):
        load_board(str(tmp_path / "missing.toml"))
    with pytest.raises(InputError, match=r"folder\.toml: cannot be read"):
        (tmp_path / "folder.toml").mkdir()
        load_board(str(tmp_path / "folder.toml"))
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(InputError, match=r"latin\.toml: not UTF-8 at byte 11"):
        load_board(str(tmp_path / "latin.toml"))
    with pytest.raises(InputError, match="cannot be read"):
        load_board("nul\0.toml")


# ---- snapshot files that are wrong


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ops": ("CONV_2D", "ABS")}, "must be sorted"),
        ({"ops": ("ABS", "ABS", "CONV_2D")}, "each entry once"),
        ({"ops": ("conv",)}, "String should match pattern"),
        ({"ops": ()}, "at least 1 item"),
        ({"per_channel_fully_connected": "yes"}, "Input should be 'supported', 'refused' or 'silently-wrong'"),
        ({"date": "yesterday"}, "String should match pattern"),
        ({"scratch": {"TILE": "1"}}, "other fields name TILE, which 'ops' lacks"),
        ({"scratch": {"CONV_2D": "in_hh * 2"}}, "unknown name 'in_hh', did you mean 'in_h'?"),
        ({"scratch": {"CONV_2D": "4 *"}}, "not an expression"),
        ({"scratch": {"CONV_2D": "in_h // in_w"}}, "need a positive number on their right"),
        ({"scratch": {"CONV_2D": "in_h % 0"}}, "need a positive number on their right"),
        ({"scratch": {"CONV_2D": "2 ** 99999"}}, "BinOp is not allowed"),
        ({"scratch": {"CONV_2D": "1.5"}}, "Constant is not allowed"),
        ({"scratch": {"CONV_2D": "align(in_h)"}}, "Call is not allowed"),
        ({"scratch": {"CONV_2D": "__import__('os')"}}, "not allowed in an expression"),
        ({"scratch": {"CONV_2D": "in_h.real"}}, "Attribute is not allowed"),
        ({"scratch": {"CONV_2D": "max"}}, "unknown name 'max'"),
        ({"arena": {"margin_percent": -1, "margin_bytes": 0}}, "greater than or equal to 0"),
    ],
)
def test_a_wrong_snapshot_is_refused(change: dict[str, object], message: str) -> None:
    data = snapshot("nano33ble").model_dump()
    TflmSnapshot.model_validate(data)
    with pytest.raises(ValueError, match=re.escape(message)):
        TflmSnapshot.model_validate({**data, **change})


def test_an_operator_whose_code_was_not_measured_is_refused() -> None:
    data = snapshot("nano33ble").model_dump()
    del data["code"]["op_bytes"]["ABS"], data["code"]["op_bytes"]["ADD"]
    with pytest.raises(ValueError, match=r"code\.op_bytes lacks ABS, ADD"):
        TflmSnapshot.model_validate(data)


def test_every_scratch_table_says_where_it_was_read() -> None:
    for name in SNAPSHOTS:
        path = FOLDER / "tflm" / f"{name}.toml"
        assert all(url.startswith("https://github.com/") for url in toml.load(path)["sources"])


def test_a_board_of_ones_own_is_not_taken_for_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load_board("my-nrf52840")
    assert "my-nrf52840.toml" in caught.value.hint
    assert "did you mean" not in caught.value.hint
    (tmp_path / "picoo.toml").write_text("")
    with pytest.raises(InputError) as caught:
        load_board("picoo")
    assert "use its file" in caught.value.hint
