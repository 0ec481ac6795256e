"""Inference modules."""

from seqzoo_psm.inferences.softmax import SoftmaxInference as SoftmaxInference

__all__ = ["SoftmaxInference"]
