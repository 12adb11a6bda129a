"""sign-etl: reproducible WebDataset shards with keypoints from sign-language data sets."""

__version__ = "0.1.0"
