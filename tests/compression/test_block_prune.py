"""Block pruning: which weights become zero."""

from __future__ import annotations

import numpy as np

from microgen.compression.methods.block_prune import block_mask
from microgen.compression.steps import read_steps
from microgen.runtimes.compiled import coding


def test_the_smallest_blocks_leave_in_the_order_of_the_kernels():
    rng = np.random.default_rng(2)
    kernel = rng.normal(0, 1, (3, 3, 8, 6)).astype(np.float32)
    mask = block_mask(kernel, 0.5)
    assert mask.shape == kernel.shape and set(np.unique(mask)) == {0.0, 1.0}
    # Output channels first, as the runtime has them: half of the blocks of 2 x 4 are there.
    w = (np.sign(kernel * mask) * 9).astype(np.int8).reshape(-1, 6).T
    assert coding.blocks(w).count == 3 * 18 // 2
    sums = (kernel.reshape(18, 4, 3, 2) ** 2).sum((1, 3))
    kept = mask.reshape(18, 4, 3, 2).max((1, 3)) > 0
    assert sums[kept].min() >= sums[~kept].max()


def test_kernels_that_are_no_multiple_of_a_block():
    kernel = np.ones((7, 5), np.float32)
    assert block_mask(kernel, 0.0).all() and not block_mask(kernel, 1.0).any()
    assert block_mask(kernel, 0.5).shape == (7, 5)


def test_its_amount():
    (step,) = read_steps(["block-prune"])
    assert (step.method, step.amount) == ("block-prune", 0.6)
