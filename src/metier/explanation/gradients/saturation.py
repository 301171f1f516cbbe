"""What an x86 processor without VNNI instructions loses in products of bytes, so that a graph in INT8 is followed exactly.

There two neighbouring products of a byte with sign and one without are added in 16 bits, and what is more than these hold
is cut off. A bundle answers by such sums on such a processor, so its explanation has to know them; whether this
processor is one is tried out with the runtime itself. What is cut off has no gradient.
"""

import functools
import importlib

import numpy as np
import onnxruntime
import torch
from torch import Tensor

LARGEST, SMALLEST = 32_767, -32_768
BYTE = 255


def saturation(a: Tensor, b: Tensor) -> Tensor:
    """Give what is cut off from the product of whole numbers, to be added to it.

    Parameters
    ----------
    a : Tensor of shape (..., n_columns)
        0 to 255.
    b : Tensor of shape (n_columns, n_outputs)
        -128 to 127.

    Returns
    -------
    Tensor of shape (..., n_outputs)
    """
    paired = len(b) // 2 * 2
    even, odd = b[0:paired:2], b[1:paired:2]
    highest = a.detach().reshape(-1, a.shape[-1]).amax(0)
    reach = highest[0:paired:2, None] * even.abs() + highest[1:paired:2, None] * odd.abs()
    pair, column = torch.nonzero(reach > LARGEST, as_tuple=True)
    sums = a[..., 2 * pair] * even[pair, column] + a[..., 2 * pair + 1] * odd[pair, column]
    lost = torch.zeros(*a.shape[:-1], b.shape[1])
    return lost.index_add_(-1, column, sums.clamp(SMALLEST, LARGEST) - sums)


@functools.cache
def saturates() -> bool:
    """Whether products of bytes are cut off on this processor: 255 * 127 twice is 64,770 or 32,767."""
    onnx = importlib.import_module("onnx")
    kinds, helper = onnx.TensorProto, onnx.helper
    node = helper.make_node("MatMulInteger", ["a", "b"], ["product"])
    weight = onnx.numpy_helper.from_array(np.full((2, 16), 127, np.int8), "b")
    given = helper.make_tensor_value_info("a", kinds.UINT8, [1, 2])
    found = helper.make_tensor_value_info("product", kinds.INT32, [1, 16])
    graph = helper.make_graph([node], "product", [given], [found], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    product = session.run(None, {"a": np.full((1, 2), BYTE, np.uint8)})[0]
    return bool(product[0, 0] == LARGEST)
