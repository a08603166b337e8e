"""Layout rules against definitions of their own: einsum for convolutions, per-gate blocks, NumPy's own flatten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from twotrack.shared.weights.bridge import layouts

SIZE = st.integers(1, 4)


def numbered(*shape: int) -> np.ndarray:
    """Return an array whose elements are all different."""
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)


@st.composite
def layout_and_shape(draw):
    """Any layout rule, with a shape of a framework's array that it takes."""
    a, b, c, d, e = (draw(SIZE) for _ in range(5))
    feature_map = tuple(draw(st.lists(SIZE, min_size=2, max_size=4)))
    features = int(np.prod(feature_map))
    return draw(
        st.sampled_from(
            [
                (layouts.SAME, (a, b, c)),
                (layouts.DENSE, (a, b)),
                (layouts.CONV[1], (a, b, c)),
                (layouts.CONV[2], (a, b, c, d)),
                (layouts.CONV[3], (a, b, c, d, e)),
                (layouts.GRU_GATES, (a, 3 * b)),
                (layouts.GRU_GATES, (3 * b,)),
                (layouts.Chain((layouts.DENSE, layouts.GRU_GATES)), (3 * a, b)),
                (layouts.dense_after_flatten(*feature_map), (a, features)),
                (layouts.FlattenOrder(feature_map), (features,)),
                (layouts.Rearrangement((2, 0, 1), (None, tuple(draw(st.permutations(range(b)))), None)), (a, b, c)),
                (layouts.heads_kernel(a, b, c), (b * c, a)),
                (layouts.heads_bias(b, c), (b * c,)),
                (layouts.merge_heads_kernel(b, c, a), (a, b * c)),
                (layouts.depthwise_kernel((a, b, c, d)), (a, b, c, d)),
                (layouts.shared_alpha((1, 1, a)), (1, 1, a)),
                (layouts.shared_alpha((a, b, c)), (a, b, c)),
            ]
        )
    )


@given(layout_and_shape(), st.data())
def test_every_layout_comes_back_bit_equal_in_both_directions(rule, data):
    layout, shape = rule
    own = data.draw(arrays.arrays(np.float32, shape, elements=st.floats(width=32)))
    canonical = layout.to_canonical(own)
    assert canonical.shape == layout.canonical_shape(shape)
    assert layout.from_canonical(canonical).tobytes() == own.tobytes()
    assert layout.to_canonical(layout.from_canonical(canonical)).tobytes() == canonical.tobytes()


@given(layout_and_shape())
def test_every_layout_keeps_every_element(rule):
    layout, shape = rule
    assert sorted(layout.to_canonical(numbered(*shape)).ravel()) == list(range(int(np.prod(shape))))


@given(SIZE, SIZE)
def test_a_dense_kernel_multiplies_from_the_right(outputs, inputs):
    weight, x = numbered(outputs, inputs), numbered(2, inputs)
    np.testing.assert_array_equal(x @ layouts.DENSE.to_canonical(weight), np.einsum("oi,bi->bo", weight, x))


@pytest.mark.parametrize(("rank", "own", "canonical"), [(1, "oik", "kio"), (2, "oihw", "hwio"), (3, "oidhw", "dhwio")])
def test_a_convolution_kernel_has_places_inputs_outputs(rank, own, canonical):
    weight = numbered(*range(2, 4 + rank))
    np.testing.assert_array_equal(layouts.CONV[rank].to_canonical(weight), np.einsum(f"{own}->{canonical}", weight))


@given(SIZE, SIZE)
def test_gru_blocks_go_from_reset_update_new_to_update_reset_new(hidden, inputs):
    reset, update, new = (numbered(inputs, hidden) + 100 * gate for gate in range(3))
    canonical = layouts.GRU_GATES.to_canonical(np.concatenate([reset, update, new], axis=1))
    np.testing.assert_array_equal(canonical, np.concatenate([update, reset, new], axis=1))


@given(st.lists(SIZE, min_size=1, max_size=3), SIZE, SIZE)
def test_a_dense_layer_behind_a_flatten_computes_the_same(places, channels, outputs):
    image = numbered(1, *places, channels)
    channels_first = np.moveaxis(image, -1, 1).reshape(1, -1)
    weight = numbered(outputs, channels_first.size)
    kernel = layouts.dense_after_flatten(*places, channels).to_canonical(weight)
    np.testing.assert_array_equal(image.reshape(1, -1) @ kernel, channels_first @ weight.T)


@given(SIZE, SIZE, SIZE)
def test_attention_projections_go_head_by_head(inputs, heads, head_dim):
    weight, x = numbered(heads * head_dim, inputs), numbered(2, inputs)
    by_head = np.einsum("bi,inh->bnh", x, layouts.heads_kernel(inputs, heads, head_dim).to_canonical(weight))
    np.testing.assert_array_equal(by_head, (x @ weight.T).reshape(2, heads, head_dim))

    output = numbered(inputs, heads * head_dim)
    merged = layouts.merge_heads_kernel(heads, head_dim, inputs).to_canonical(output)
    np.testing.assert_array_equal(
        np.einsum("bnh,nho->bo", by_head, merged), by_head.reshape(2, heads * head_dim) @ output.T
    )


def test_a_depthwise_kernel_is_a_grouped_convolutions():
    kernel = numbered(2, 3, 4, 5)
    grouped = layouts.depthwise_kernel(kernel.shape).to_canonical(kernel)
    assert grouped.shape == (2, 3, 1, 20)
    for channel in range(4):
        np.testing.assert_array_equal(grouped[:, :, 0, 5 * channel : 5 * channel + 5], kernel[:, :, channel])


def test_slopes_that_are_not_shared_stay_as_they_are():
    assert layouts.shared_alpha((1, 1, 4)).canonical_shape((1, 1, 4)) == (4,)
    assert layouts.shared_alpha((1, 3, 4)).canonical_shape((1, 3, 4)) == (1, 3, 4)


def test_a_scalar_stays_a_scalar():
    assert layouts.SAME.to_canonical(np.array(2.0)).shape == ()
