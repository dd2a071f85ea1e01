#!/usr/bin/env python3
"""The independent truth of the tests: models made with the `onnx` package, and their outputs by ONNX Runtime.

    check.py run MODEL INPUT      prints the outputs for the rows of a JSON file, as JSON
    check.py make FOLDER          writes the models that are not ppdnn's, with inputs and outputs
    check.py expect MODEL         writes inputs and outputs beside a model of ppdnn

Inputs are rows of values in the order of the model's input: channels first. Needs the packages onnx and onnxruntime.
"""

import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def run(path, rows):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    shape = [-1] + list(given.shape[1:])
    # one by one: some models have a fixed batch of one
    inputs = np.asarray(rows, dtype=np.float32).reshape(shape)
    outputs = [session.run(None, {given.name: row[None]})[0].reshape(-1) for row in inputs]
    return [[float(x) for x in row] for row in outputs]


def values(seed, *shape):
    """Plain numbers of two decimals that look random."""
    count = int(np.prod(shape))
    return (((np.arange(count) * 7919 + seed * 104729) % 201 - 100) / 100).reshape(shape).astype(np.float32)


def write(folder, name, nodes, tensors, shape, classes, opset=13, raw=True, batch="n"):
    def proto(key, array):
        if raw or array.dtype != np.float32:
            return numpy_helper.from_array(array, key)
        return helper.make_tensor(key, TensorProto.FLOAT, array.shape, array.reshape(-1).tolist())

    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch] + shape)
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, classes])
    graph = helper.make_graph(nodes, name, [given], [made], [proto(key, array) for key, array in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    path = os.path.join(folder, name + ".onnx")
    onnx.save(model, path)
    expect(path)


def expect(path):
    model = onnx.load(path)
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    rows = values(3, 2, int(np.prod(dims)))
    outputs = run(path, rows)
    with open(path.replace(".onnx", ".json"), "w") as file:
        json.dump({"inputs": [[round(float(x), 2) for x in row] for row in rows], "outputs": outputs}, file)
        file.write("\n")


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name="the_" + output, **attributes)


def make(folder):
    # a scale, Gemm as PyTorch has it, MatMul and Add, LeakyRelu, Clip, a softmax
    write(folder, "dense", [
        node("Sub", ["x", "mean"], "a"),
        node("Div", ["a", "deviation"], "b"),
        node("Gemm", ["b", "w1", "b1"], "c", transB=1, alpha=0.5, beta=2.0),
        node("LeakyRelu", ["c"], "d", alpha=0.25),
        node("MatMul", ["d", "w2"], "e"),
        node("Add", ["b2", "e"], "f"),
        node("Clip", ["f", "low", "high"], "g"),
        node("Gemm", ["g", "w3"], "y"),
    ], {
        "mean": np.float32(0.5).reshape(()), "deviation": np.array([0.25], np.float32),
        "w1": values(1, 4, 5), "b1": values(2, 4), "w2": values(4, 4, 3), "b2": values(5, 1, 3),
        "low": np.float32(-1).reshape(()), "high": np.float32(1).reshape(()), "w3": values(6, 3, 3),
    }, [5], 3)
    # convolutions of several channels, strides and pads; pools; batch normalization; a flatten that turns images into rows
    write(folder, "conv", [
        node("Conv", ["x", "k1"], "a", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0]),
        node("BatchNormalization", ["a", "gain", "shift", "mean", "var"], "b", epsilon=0.01),
        node("Relu", ["b"], "c"),
        node("MaxPool", ["c"], "d", kernel_shape=[2, 2], strides=[1, 1]),
        node("Conv", ["d", "k2", "b2"], "e", auto_pad="SAME_UPPER"),
        node("AveragePool", ["e"], "f", kernel_shape=[3, 3], strides=[1, 1]),
        node("Relu", ["f"], "g"),
        node("Flatten", ["g"], "h"),
        node("Gemm", ["h", "w", "b3"], "i", transB=1),
        node("Softmax", ["i"], "y"),
    ], {
        "k1": values(1, 3, 2, 3, 2), "gain": values(2, 3), "shift": values(3, 3), "mean": values(4, 3),
        "var": np.abs(values(5, 3)) + np.float32(0.1), "k2": values(6, 4, 3, 3, 3), "b2": values(7, 4),
        "w": values(8, 3, 24), "b3": values(9, 3),
    }, [2, 9, 7], 3, raw=False)
    # two residual blocks, one with a projection, and means over whole images
    write(folder, "residual", [
        node("Conv", ["x", "k1", "b1"], "a", pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "b"),
        node("Conv", ["b", "k2", "b2"], "c", pads=[1, 1, 1, 1]),
        node("Add", ["c", "b"], "d"),
        node("Relu", ["d"], "e"),
        node("Conv", ["e", "k3", "b3"], "f", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["f"], "g"),
        node("Conv", ["g", "k4", "b4"], "h", pads=[1, 1, 1, 1]),
        node("Conv", ["e", "k5", "b5"], "i", strides=[2, 2]),
        node("Add", ["i", "h"], "j"),
        node("Relu", ["j"], "k"),
        node("GlobalAveragePool", ["k"], "l"),
        node("Reshape", ["l", "shape"], "m"),
        node("Gemm", ["m", "w", "b6"], "y"),
    ], {
        "k1": values(1, 3, 2, 3, 3), "b1": values(2, 3), "k2": values(3, 3, 3, 3, 3), "b2": values(4, 3),
        "k3": values(5, 4, 3, 3, 3), "b3": values(6, 4), "k4": values(7, 4, 4, 3, 3), "b4": values(8, 4),
        "k5": values(9, 4, 3, 1, 1), "b5": values(10, 4), "shape": np.array([0, -1], np.int64),
        "w": values(11, 4, 3), "b6": values(12, 3),
    }, [2, 6, 6], 3)
    # as old programs write them: a fixed batch, a reshaped weight, pixels from 0 to 255, a plain Add behind a convolution
    write(folder, "old", [
        node("Div", ["x", "pixel"], "a"),
        node("Reshape", ["w", "wshape"], "wmatrix"),
        node("Conv", ["a", "k"], "b", auto_pad="SAME_LOWER", kernel_shape=[3, 3]),
        node("Add", ["b", "shift"], "c"),
        node("Relu", ["c"], "d"),
        node("Reshape", ["d", "shape"], "e"),
        node("MatMul", ["e", "wmatrix"], "f"),
        node("Add", ["f", "bias"], "y"),
    ], {
        "pixel": np.float32(255).reshape(()), "k": values(1, 3, 1, 3, 3), "shift": values(2, 3, 1, 1),
        "w": values(3, 3, 4, 4, 2), "wshape": np.array([48, 2], np.int64), "shape": np.array([1, 48], np.int64),
        "bias": values(4, 1, 2),
    }, [1, 4, 4], 2, opset=8, raw=False, batch=1)


if __name__ == "__main__":
    if sys.argv[1] == "run":
        with open(sys.argv[3]) as file:
            print(json.dumps(run(sys.argv[2], json.load(file))))
    elif sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "expect":
        expect(sys.argv[2])
    else:
        sys.exit(__doc__)
