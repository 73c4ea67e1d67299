"""What a model is worth on pictures: bytes of real files against PSNR, beside other codecs."""

from pseudocodec.evaluation.report import evaluate

__all__ = ["evaluate"]
