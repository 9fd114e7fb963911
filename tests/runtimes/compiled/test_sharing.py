"""Constants that several layers have are stored once, and all that names them names the one that is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microgen.runtimes.compiled.path import Code, Constant
from microgen.runtimes.compiled.sharing import share_constants


def code(index, values, ctype="int8_t"):
    table = Constant(f"table{index}", ctype, np.array(values))
    declared = (f"static const struct s p{index} = {{table{index}, table{index}0}};",)
    return Code(f"f({{input0}}, table{index}, &p{index});", (table,), declared)


def test_equal_arrays_are_one_and_others_stay():
    codes = {1: code(1, [3, 4]), 2: code(2, [3, 4]), 3: code(3, [3, 5]), 4: code(4, [3, 4], "uint8_t")}
    shared = share_constants(codes)
    assert [[c.name for c in shared[k].constants] for k in codes] == [["table1"], [], ["table3"], ["table4"]]
    assert shared[2].call == "f({input0}, table1, &p2);"
    assert shared[2].declarations == ("static const struct s p2 = {table1, table20};",)
    assert all(shared[k] is codes[k] for k in (1, 3, 4))


def test_the_same_numbers_in_another_shape_are_another_array():
    flat = Constant("a", "int8_t", np.zeros(4, np.int8))
    square = Constant("b", "int8_t", np.zeros((2, 2), np.int8))
    shared = share_constants({0: Code("a", (flat,)), 1: Code("b", (square,))})
    assert [len(c.constants) for c in shared.values()] == [1, 1]


def test_a_step_keeps_the_arrays_that_only_it_has():
    own, shared = code(2, [5, 6]).constants, code(1, [3, 4]).constants
    both = Code("f(table2, other);", (replace(shared[0], name="other"), *own))
    found = share_constants({0: code(1, [3, 4]), 7: both})
    assert found[7].constants == own and found[7].call == "f(table2, table1);"
