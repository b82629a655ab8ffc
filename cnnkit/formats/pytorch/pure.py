"""Is a program nothing but mathematics? `impure_code(text)` names what else is in TorchScript code.

Programs of networks beyond the family may have any of these calls, in any order; none of them reads
or writes a file, and no other is ever run.
"""

from __future__ import annotations

import ast

# Of PyTorch's operators, those that nodes of a graph become.
OPERATORS = frozenset(
    """
    _assert_tensor_metadata _convolution abs add alias amax amin argmax argmin avg_pool1d
    avg_pool2d avg_pool3d batch_norm cat ceil clamp clone constant_pad_nd contiguous
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d detach div
    dropout elu eq erf exp expand expm1 flatten flip floor gelu group_norm gt hardswish
    hardtanh index_select layer_norm leaky_relu linear log log_softmax logaddexp lt matmul
    max_pool1d max_pool2d max_pool3d maximum mean minimum mish mul narrow ne neg numpy_T
    ones_like pad permute pixel_shuffle pixel_unshuffle pow reciprocal reflection_pad1d
    reflection_pad2d relu repeat replication_pad1d replication_pad2d replication_pad3d
    reshape round rsub select selu sigmoid sign size slice softmax split split_with_sizes
    sqrt squeeze sub sum sym_size t tanh tensor_split to transpose unsqueeze
    upsample_bicubic2d upsample_bilinear2d upsample_nearest2d view where zeros_like
    """.split()  # noqa: SIM905 (a page of quotation marks would be harder to read)
)
PRIMITIVES = frozenset({"dtype", "NumToTensor", "RaiseException"})
FUNCTIONS = frozenset({"int", "float", "annotate", "getattr", "unchecked_cast"})
# What TorchScript's code consists of, as Python reads it.
SYNTAX = (
    *(ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AnnAssign),
    *(
        ast.Return,
        ast.Expr,
        ast.If,
        ast.Pass,
        ast.Name,
        ast.Load,
        ast.Store,
        ast.Constant,
        ast.List,
    ),
    *(ast.Tuple, ast.UnaryOp, ast.USub, ast.Attribute, ast.Subscript, ast.Call, ast.keyword),
)


def impure_code(text: str) -> str:
    """Return what in TorchScript code is more than mathematics; "" if nothing."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "code that cannot be read"
    for node in ast.walk(tree):
        if not isinstance(node, SYNTAX):
            return f"a {type(node).__name__} in its code"
        if isinstance(node, ast.Call) and not _is_pure(node.func):
            return f"the call {ast.unparse(node.func)[:60]}"
    return ""


def _is_pure(function: ast.expr) -> bool:
    """Tell whether a function is an operator, or one that the archive's own code defines."""
    if isinstance(function, ast.Name):
        return function.id in FUNCTIONS
    if not isinstance(function, ast.Attribute):
        return False
    path = ast.unparse(function).split(".")
    if path[0] == "torch":
        return len(path) == 2 and path[1] in OPERATORS
    if path[0] == "ops":
        return len(path) == 3 and path[1] == "prim" and path[2] in PRIMITIVES
    return path[0] == "__torch__" or function.attr == "forward"
