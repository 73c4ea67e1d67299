"""Models: nets, integer tables and metadata in one safetensors file named by its content's hash."""

from pseudocodec.model.base import AnySizeModel, ForeignModel, Model
from pseudocodec.model.catalogue import models
from pseudocodec.model.load import load_model, model_of
from pseudocodec.model.photo import PhotoModel
from pseudocodec.model.vectors import VectorModel

__all__ = [
    "AnySizeModel",
    "ForeignModel",
    "Model",
    "PhotoModel",
    "VectorModel",
    "load_model",
    "model_of",
    "models",
]
