"""Conversion to ONNX: both estimators made known to skl2onnx, which is imported when asked for."""

import numpy as np

from ..estimators._classifier import LocalRuleClassifier
from ..estimators._regressor import LocalRuleRegressor
from ..network._readout import HINGE_WIDTH

ACTIVATIONS = {"relu": "Relu", "identity": "Identity", "tanh": "Tanh", "logistic": "Sigmoid"}


def register_onnx() -> None:
    """Make both estimators known to skl2onnx, alone and in pipelines.

    To be called once, before ``skl2onnx.to_onnx``; calling it again changes nothing. The graph
    gives what ``predict`` and ``predict_proba`` give, to rounding. It computes in float32, and in
    float64 where its input is float64.

    Raises
    ------
    ImportError
        Where skl2onnx is missing.

    Examples
    --------
    >>> import skl2onnx  # doctest: +SKIP
    >>> from sklearn_localnet import register_onnx
    >>> register_onnx()  # doctest: +SKIP
    >>> graph = skl2onnx.to_onnx(fitted_pipeline, X[:1])  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "conversion to ONNX needs skl2onnx: pip install 'sklearn-localnet[onnx]'"
        ) from error
    update_registered_converter(
        LocalRuleClassifier,
        "SklearnLocalnetClassifier",
        _set_classifier_shapes,
        _convert_classifier,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
    )
    update_registered_converter(
        LocalRuleRegressor,
        "SklearnLocalnetRegressor",
        _set_regressor_shape,
        _convert_regressor,
    )


class _Graph:
    """Writes nodes of one operator, all of them in one precision and version."""

    def __init__(self, operator, container):
        from skl2onnx.algebra import onnx_ops
        from skl2onnx.common.data_types import guess_numpy_type

        self.operator, self.container, self._nodes = operator, container, onnx_ops
        double = guess_numpy_type(operator.inputs[0].type) == np.float64
        self.dtype = np.float64 if double else np.float32

    def node(self, kind, *inputs, **attributes):
        """A node; floating point arrays among its inputs become constants."""
        inputs = [self._constant(x) if isinstance(x, (float, np.ndarray)) else x for x in inputs]
        version = self.container.target_opset
        return getattr(self._nodes, f"Onnx{kind}")(*inputs, op_version=version, **attributes)

    def _constant(self, array):
        array = np.asarray(array)
        return array.astype(self.dtype) if array.dtype.kind == "f" else array

    def outputs(self):
        """The forward network, before what the classifier makes of its outputs."""
        from skl2onnx.proto import onnx_proto

        estimator = self.operator.raw_operator
        tensor = onnx_proto.TensorProto
        kind = tensor.DOUBLE if self.dtype == np.float64 else tensor.FLOAT
        activity = self.node("Cast", self.operator.inputs[0], to=kind)
        coefs, hidden = estimator.coefs_, ACTIVATIONS[estimator._began["activation"]]
        if "input_limits" in estimator.layers_[0]:
            most = estimator.layers_[0].input_limits
            activity = self.node("Max", self.node("Min", activity, most), -most)
        activations = [hidden] * (len(coefs) - 1) + ["Identity"]
        for activation, weights, intercepts in zip(
            activations, coefs, estimator.intercepts_, strict=True
        ):
            current = self.node("Add", self.node("MatMul", activity, weights), intercepts)
            activity = self.node(activation, current)
        return activity

    def write(self, number, node):
        """Make a node the operator's output of that number."""
        names = [self.operator.outputs[number].full_name]
        self.node("Identity", node, output_names=names).add_to(
            self.operator.scope_inst, self.container
        )


def _convert_regressor(scope, operator, container):
    graph = _Graph(operator, container)
    graph.write(0, graph.outputs())


def _set_regressor_shape(operator):
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    given = operator.inputs[0]
    kind = DoubleTensorType if isinstance(given.type, DoubleTensorType) else FloatTensorType
    shape = [given.get_first_dimension(), operator.raw_operator.n_outputs_]
    operator.outputs[0].type = kind(shape)


def _set_classifier_shapes(operator):
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    calculate_linear_classifier_output_shapes(operator)
    if operator.raw_operator._multilabel:
        labels, chances = operator.outputs
        labels.type.shape = chances.type.shape


def _convert_classifier(scope, operator, container):
    from skl2onnx.common.utils_classifier import get_label_classes

    graph, estimator = _Graph(operator, container), operator.raw_operator
    chance = _chances(graph, estimator)
    labels = np.asarray(get_label_classes(scope, estimator))
    labels = labels.astype(np.int64 if labels.dtype.kind in "fiub" else str)
    graph.write(1, chance)
    graph.write(0, _labels(graph, estimator, chance, labels))


def _chances(graph, estimator):
    scores = graph.outputs()
    columnwise = estimator.n_outputs_ == 1 or estimator._multilabel
    if estimator.out_activation_ == "softmax":
        chance = graph.node("Softmax", scores, axis=1)
    elif estimator.out_activation_ == "logistic":
        chance = graph.node("Sigmoid", scores)
    else:
        likely = _hinge(graph, scores)
        if columnwise:
            other = _hinge(graph, graph.node("Sub", 1.0, scores))
            total = graph.node("Add", likely, other)
        else:
            total = graph.node("ReduceSum", likely, np.array([1]), keepdims=1)
        chance = graph.node("Div", likely, total)
    if estimator.n_outputs_ > 1:
        return chance
    if len(estimator.classes_) == 1:
        return graph.node("Add", graph.node("Mul", chance, 0.0), 1.0)
    return graph.node("Concat", graph.node("Sub", 1.0, chance), chance, axis=1)


def _hinge(graph, scores):
    """The same function as `_readout._hinge`."""
    square = graph.node("Add", graph.node("Mul", scores, scores), HINGE_WIDTH**2)
    both = graph.node("Add", scores, graph.node("Sqrt", square))
    return graph.node("Mul", both, 0.5)


def _labels(graph, estimator, chance, labels):
    from skl2onnx.proto import onnx_proto

    if estimator._multilabel:
        likely = graph.node("Greater", chance, 0.5)
        return graph.node("Cast", likely, to=onnx_proto.TensorProto.INT64)
    index = graph.node("ArgMax", chance, axis=1, keepdims=0)
    chosen = graph.node("ArrayFeatureExtractor", labels, index)
    return graph.node("Reshape", chosen, np.array([-1]))
