"""Our models' bytes, judged by the onnx package."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, from_dtype
from onnx import TensorProto, helper, numpy_helper

from muscgen.backends.onnx import proto
from muscgen.backends.onnx.codec import frames_graph, samples_graph
from muscgen.backends.onnx.graph import IR_VERSION, MICROSOFT, OPSETS, GraphBuilder
from muscgen.backends.onnx.hearing import hidden_graph, vectors_graph
from muscgen.backends.onnx.memory import Memory
from muscgen.backends.onnx.quantise import RowwiseLinear
from muscgen.backends.onnx.step import step_graph
from muscgen.backends.onnx.text import text_graph
from muscgen.models.checkpoint import Checkpoint

DTYPES = [np.float32, np.uint8, np.int8, np.int32, np.int64, np.bool_]
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200)
dtypes = st.sampled_from(DTYPES).map(np.dtype)
int64s = st.integers(-(2**63), 2**63 - 1)
attributes = st.dictionaries(
    names, int64s | st.floats(width=32, allow_nan=False) | names | st.lists(int64s, min_size=1), max_size=4
)
nodes = st.tuples(
    names, st.lists(st.just("") | names), st.lists(names), names, st.just("") | names, attributes
)
values = st.tuples(names, dtypes, st.lists(st.integers(0, 2**40) | names, max_size=4))
places = st.dictionaries(st.sampled_from(["location", "offset", "length"]), names | st.integers(0, 2**40))
promises = st.tuples(names, dtypes, st.lists(st.integers(0, 2**40), max_size=4), places)
tensors = st.tuples(
    names, dtypes.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0), elements=from_dtype(dtype)))
)


def judged_node(kind, inputs, outputs, name, domain, attributes):
    node = helper.make_node(kind, inputs, outputs, name, domain=domain or None)
    node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
    return node


def judged_value(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def judged_promise(name, dtype, shape, place):
    tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(dtype), dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def said(message) -> bytes:
    return message.SerializeToString(deterministic=True)


@given(nodes)
def test_nodes_are_what_onnx_writes(parts):
    kind, inputs, outputs, name, domain, attributes = parts
    ours = proto.node(kind, inputs, outputs, name=name, domain=domain, attributes=attributes)
    assert ours == said(judged_node(*parts))


@given(values)
def test_inputs_and_outputs_are_what_onnx_writes(parts):
    assert proto.value(*parts) == said(judged_value(*parts))


@given(tensors)
def test_tensors_are_what_onnx_writes_and_keep_every_bit(parts):
    name, array = parts
    ours = proto.tensor(name, array)
    assert ours == said(numpy_helper.from_array(array, name))
    read = numpy_helper.to_array(TensorProto.FromString(ours))
    assert (read.dtype, read.shape, read.tobytes()) == (array.dtype, array.shape, array.tobytes())


@given(promises)
def test_tensors_in_a_file_are_what_onnx_writes(parts):
    assert proto.external(*parts) == said(judged_promise(*parts))


@given(names, st.lists(nodes, max_size=3), st.lists(tensors, max_size=2), st.lists(values, max_size=2))
def test_models_are_what_onnx_writes(name, some_nodes, some_tensors, some_values):
    infos = [judged_value(*parts) for parts in some_values]
    graph = helper.make_graph(
        [judged_node(*parts) for parts in some_nodes],
        name,
        infos,
        infos,
        [numpy_helper.from_array(array, name) for name, array in some_tensors],
    )
    opsets = [helper.make_opsetid(*pair) for pair in OPSETS.items()]
    expected = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="muscgen")
    ours = proto.graph(
        name,
        [
            proto.node(kind, inputs, outputs, name=name, domain=domain, attributes=attributes)
            for kind, inputs, outputs, name, domain, attributes in some_nodes
        ],
        [proto.tensor(*parts) for parts in some_tensors],
        [proto.value(*parts) for parts in some_values],
        [proto.value(*parts) for parts in some_values],
    )
    assert proto.model(ours, OPSETS, IR_VERSION, "muscgen") == said(expected)


def every_graph(path):
    checkpoint = Checkpoint(path)
    decoder = checkpoint.config.decoder
    yield step_graph(checkpoint, RowwiseLinear(signed=True), Memory(checkpoint, "int8"))
    yield frames_graph(checkpoint, decoder.codebooks // decoder.channels)
    for make in (text_graph, samples_graph, hidden_graph, vectors_graph):
        yield make(checkpoint)


def test_onnx_reads_every_graph_of_a_model_to_the_last_byte(any_path):
    for graph in every_graph(any_path):
        assert graph.model() == graph.model()
        read = onnx.load_model_from_string(graph.model())
        assert said(read) == graph.model()  # no field that onnx does not know
        assert {tensor.name for tensor in read.graph.initializer} >= graph.weights.keys()
        assert [(opset.domain, opset.version) for opset in read.opset_import] == list(OPSETS.items())


def test_a_graph_is_one_that_onnx_approves_of():
    g = GraphBuilder("small")
    x = g.input("x", np.float32, ["R", 3])
    kept = g.op("Clip", g.op("Add", x, g.constant([1, 2, 3], np.float32)), "", g.constant(4, np.float32))
    g.output(g.op("Transpose", kept, perm=[1, 0]), "y", np.float32, [3, "R"])
    onnx.checker.check_model(g.build().model(), full_check=True)


@pytest.mark.parametrize("dtype", [np.float64, np.uint16])
def test_kinds_of_numbers_that_no_graph_here_has_are_refused(dtype):
    with pytest.raises(KeyError):
        proto.value("x", dtype, [1])


def test_a_domain_is_written_where_it_is_not_onnx_own():
    node = onnx.NodeProto.FromString(proto.node("Gelu", ["x"], ["y"], domain=MICROSOFT, attributes={}))
    assert (node.domain, node.op_type, list(node.input)) == (MICROSOFT, "Gelu", ["x"])
