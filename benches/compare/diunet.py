"""The network of Hilum as an ONNX graph of the same weights, run by onnxruntime on one slice, for `hilum bench diunet`.

    python diunet.py MODEL_FOLDER CT GTV OUT REPEAT THREADS

CT and GTV are the input channels of one slice as little-endian 32-bit floats; OUT receives the logits of the stations the
same way. Needs numpy, onnx and onnxruntime. Prints JSON.
"""

import json
import statistics
import struct
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

folder, ct_path, gtv_path, out_path = sys.argv[1:5]
repeat, threads = int(sys.argv[5]), int(sys.argv[6])
manifest = json.load(open(f"{folder}/manifest.json"))
if not manifest["folded"] or manifest["variant"] != "fast25d":
    sys.exit("only folded weights of fast25d are known here")
side, slices = manifest["crop"], manifest["slices"]

data = open(f"{folder}/{manifest['weights']}", "rb").read()
(length,) = struct.unpack("<Q", data[:8])
weights = {}
for name, entry in json.loads(data[8 : 8 + length]).items():
    if name == "__metadata__":
        continue
    begin, end = entry["data_offsets"]
    kind = {"F16": np.float16, "F32": np.float32}[entry["dtype"]]
    values = np.frombuffer(data[8 + length + begin : 8 + length + end], dtype=kind)
    weights[name] = values.reshape(entry["shape"]).astype(np.float32)

# onnx puts the four pixels of a block before the channels, Hilum after them.
for name, channels in (("ct", slices), ("gtv", 2 * slices)):
    first = weights[f"{name}.0.a.weight"]
    order = [c * 4 + offset for offset in range(4) for c in range(channels)]
    weights[f"{name}.0.a.weight"] = np.ascontiguousarray(first[:, order])

nodes, used = [], set()


def take(name):
    used.add(name)
    return name


def node(kind, inputs, output, **attributes):
    nodes.append(helper.make_node(kind, inputs, [output], **attributes))
    return output


def conv(x, name, relu=True):
    weight = weights[f"{name}.weight"]
    pad = (weight.shape[2] - 1) // 2
    y = node("Conv", [x, take(f"{name}.weight"), take(f"{name}.bias")], f"{name}.y", pads=[pad] * 4)
    return node("Relu", [y], f"{name}.r") if relu else y


def double(x, name, level):
    return conv(conv(x, f"{name}.{level}.a"), f"{name}.{level}.b")


levels = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("ct."))
x = {name: node("SpaceToDepth", [name], f"{name}.s", blocksize=2) for name in ("ct", "gtv")}
fused = []
for level in range(levels):
    for name in ("ct", "gtv"):
        if level > 0:
            x[name] = node("MaxPool", [x[name]], f"{name}.{level}.p", kernel_shape=[2, 2], strides=[2, 2])
        x[name] = double(x[name], name, level)
    joined = node("Concat", [x["ct"], x["gtv"]], f"join.{level}", axis=1)
    fused.append(conv(joined, f"fuse.{level}"))
y = fused.pop()
for level in reversed(range(levels - 1)):
    inputs = [y, take(f"up.{level}.weight"), take(f"up.{level}.bias")]
    y = node("ConvTranspose", inputs, f"up.{level}.y", strides=[2, 2])
    y = double(node("Concat", [fused[level], y], f"skip.{level}", axis=1), "decoder", level)
for head in ("stations", "ctv"):
    node("DepthToSpace", [conv(y, f"head.{head}", relu=False)], head, blocksize=2, mode="CRD")


def value(name, channels):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])


graph = helper.make_graph(
    nodes,
    "diunet",
    [value("ct", slices), value("gtv", 2 * slices)],
    [value("stations", 17), value("ctv", 1)],
    [numpy_helper.from_array(weights[name], name) for name in sorted(used)],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 9
onnx.checker.check_model(model)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
feed = {
    "ct": np.fromfile(ct_path, "<f4").reshape(1, slices, side, side),
    "gtv": np.fromfile(gtv_path, "<f4").reshape(1, 2 * slices, side, side),
}
stations, _ = session.run(None, feed)
stations.astype("<f4").tofile(out_path)
times = []
for _ in range(repeat):
    start = time.perf_counter()
    session.run(None, feed)
    times.append(time.perf_counter() - start)
print(json.dumps({"name": f"onnxruntime {onnxruntime.__version__}", "seconds_per_slice": statistics.median(times)}))
