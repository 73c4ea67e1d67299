"""Models: nets, integer tables and metadata in one safetensors file named by its content's hash."""

from pseudocodec.model.catalogue import models
from pseudocodec.model.model import Model, load_model

__all__ = ["Model", "load_model", "models"]
