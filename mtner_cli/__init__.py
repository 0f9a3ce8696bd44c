"""mtner: multi-task, nested named-entity recognition for biomedical corpora."""

__version__ = "0.1.0"
