"""The ATen operators that a program may call: functions of their arguments alone.

Other operators are rejected by name, so that a file cannot read files, draw random numbers or run code. The kinds
say how an operator treats the dimensions of an image, see `microgen.frontends.tracing.layout`.
"""

from __future__ import annotations

# The same whatever the layout is: one value at a time, or along a dimension that moves with the others.
_ELEMENTWISE_NAMES = """
abs add alias atan clamp clamp_max clamp_min clip clone contiguous copy cos cumsum detach detach_ div dropout
dropout_ elu elu_ eq erf exp floor feature_dropout feature_alpha_dropout alpha_dropout ge gelu gt hardsigmoid
hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_ le leaky_relu leaky_relu_ lift_fresh_copy log log1p
log_sigmoid logical_and logical_not logical_or lt maximum minimum mish mish_ mul multiply ne neg pow reciprocal
relu relu6 relu6_ relu_ round rsqrt rsub selu selu_ celu celu_ sigmoid sigmoid_ sign silu silu_ sin softplus sqrt
square sub subtract tan tanh tanh_ threshold threshold_ to _to_copy add_ sub_ mul_ div_ clamp_ clamp_min_ clamp_max_
neg_ exp_ abs_ sqrt_ pow_ type_as true_divide where trunc remainder fmod exp2 expm1 hardshrink softshrink
square_ lerp addcmul addcdiv
cat concat concatenate softmax _softmax log_softmax _log_softmax flip roll
"""
ELEMENTWISE = frozenset(_ELEMENTWISE_NAMES.split())
# Their dimension 1 is channels, and what follows is space.
_SPATIAL_NAMES = """
conv1d conv2d convolution conv_transpose1d conv_transpose2d batch_norm _native_batch_norm_legit_no_training
max_pool1d max_pool2d max_pool2d_with_indices avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d
adaptive_max_pool1d adaptive_max_pool2d _adaptive_avg_pool2d upsample_nearest1d upsample_nearest2d
upsample_bilinear2d upsample_linear1d instance_norm group_norm native_group_norm prelu _prelu_kernel pixel_shuffle
pixel_unshuffle channel_shuffle native_channel_shuffle constant_pad_nd pad reflection_pad1d reflection_pad2d
replication_pad1d replication_pad2d
"""
SPATIAL = frozenset(_SPATIAL_NAMES.split())
_OTHERS_NAMES = """
_assert_tensor_metadata _safe_softmax _unsafe_view addmm all amax amin any arange argmax
argmin as_strided baddbmm bmm broadcast_to chunk cumprod diagonal dot einsum embedding
empty empty_like expand expand_as eye fill flatten full full_like gather glu gru index index_select is_nonzero item
layer_norm linalg_vector_norm linear logsumexp lstm masked_fill masked_fill_ matmul max mean median min mm
movedim mv narrow native_layer_norm native_dropout new_empty new_full new_ones new_zeros norm numel numpy_T ones
ones_like outer permute
prod ravel repeat repeat_interleave reshape resolve_conj resolve_neg rms_norm rnn_relu rnn_tanh
scalar_tensor scaled_dot_product_attention select select_scatter slice slice_scatter sort split
split_with_sizes squeeze stack std sum sym_size t tile topk transpose tril triu unbind unflatten unfold unsafe_chunk
unsafe_split unsqueeze var var_mean std_mean view view_as zeros zeros_like adaptive_avg_pool1d swapaxes swapdims
moveaxis cosine_similarity pairwise_distance bilinear addmv ger triu_indices im2col linspace hstack vstack
squeeze_ unsqueeze_ zero_ fill_ copy_ tensor_split aminmax count_nonzero
"""
_OTHERS = frozenset(_OTHERS_NAMES.split())
KNOWN = ELEMENTWISE | SPATIAL | _OTHERS
# Functions of Python's module `operator` and of `math` that are called on sizes.
SIZES = frozenset({"add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "lt", "le", "gt", "ge", "truediv", "pow"})

REFUSED = {
    "upsample_bicubic2d": (
        "interpolates bicubically, which no runtime for microcontrollers does",
        "use mode='bilinear' or 'nearest'",
    ),
    "_upsample_bicubic2d_aa": (
        "interpolates bicubically, which no runtime for microcontrollers does",
        "use mode='bilinear' or 'nearest'",
    ),
    "conv3d": ("is a 3-D convolution, which TFLM does not have", "use Conv2d over two of the dimensions"),
    "grid_sampler": ("samples at positions that it computes, which TFLM does not have", "resize by a fixed size"),
    "rand": ("draws random numbers", "give them to the model as an input"),
    "randn": ("draws random numbers", "give them to the model as an input"),
    "rand_like": ("draws random numbers", "give them to the model as an input"),
    "randn_like": ("draws random numbers", "give them to the model as an input"),
    "bernoulli": ("draws random numbers", "give them to the model as an input"),
    "nonzero": ("returns a size that depends on the data", "use torch.where with three arguments"),
    "masked_select": ("returns a size that depends on the data", "use torch.where with three arguments"),
}


def base_name(operator: str) -> str:
    """Return "conv2d" for "aten.conv2d.default"."""
    parts = operator.split(".")
    return parts[1] if len(parts) > 1 else operator


def layout_kind(operator: str) -> str:
    """Return how an operator treats dimensions: "elementwise", "spatial" or ""."""
    name = base_name(operator)
    return "elementwise" if name in ELEMENTWISE else "spatial" if name in SPATIAL else ""
