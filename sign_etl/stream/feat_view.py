"""The view `feat`: features of a frozen network that an earlier stage wrote into the shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, VerifyError, near_miss
from sign_etl.reader.sample import NPY
from sign_etl.schema.feature_set import FEATURES, feature_member, is_features
from sign_etl.stream.base import RngMaker, SampleError, SampleFacts, Use
from sign_etl.stream.index import Index
from sign_etl.stream.npy import decode_npy
from sign_etl.stream.samplers import Sampler, sampler
from sign_etl.stream.storage import Storage


class FeatView:
    """Features (T, D).

    Args:
        features: name of the set, as in the pipeline's `features:`; in shards of others the name
            of the member without `.npy`.
        sampler: which time steps, see `sign_etl.stream.samplers`; default all.
        use: what it is for; only `train` draws.
    """

    def __init__(self, features: str, sampler: Sampler | None = None, use: Use = "train") -> None:
        self.features, self.sampler, self.use = features, sampler, use

    @classmethod
    def for_recipe(
        cls,
        options: Mapping[str, Any],
        *,
        augment: Sequence[Mapping[str, Any]],
        noise: float,
        use: Use,
    ) -> FeatView:
        """The view of a recipe; see `PoseView.for_recipe`."""
        if augment or noise:
            raise ConfigError(
                "features cannot be augmented", hint="leave `data.augment` and `data.noise` out"
            )
        given = dict(options)
        rule = given.pop("sampler", None)
        return cls(**given, sampler=sampler(rule) if rule else None, use=use)

    @property
    def member(self) -> str:
        """Name of the member."""
        return feature_member(self.features)

    def policy(self) -> dict[str, Any]:
        """All settings."""
        rule = self.sampler.policy() if self.sampler else None
        return {"view": "feat", "features": self.features, "sampler": rule}

    def members(self, index: Index) -> tuple[str, ...]:
        """The member for each source.

        Raises:
            ConfigError: no sample has it.
        """
        return (self._found(index),) * len(index.sources)

    def _found(self, index: Index) -> str:
        for member in (self.member, f"{self.features}{NPY}"):
            if member in index.members:
                return member
        arrays = [name for name in index.members if name.endswith(NPY)]
        ours = [name.removesuffix(FEATURES) for name in arrays if is_features(name)]
        known = tuple(ours or (name.removesuffix(NPY) for name in arrays))
        hint = near_miss(self.features, known) or f"there are {', '.join(known) or 'none'}"
        raise ConfigError(f"the data have no features `{self.features}`", hint=hint)

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) time steps, at most one for a frame."""
        frames = np.maximum(index.frames, 1).astype(np.int32)
        return self.sampler.lengths(frames) if self.sampler else frames

    def read(self, data: bytes, facts: SampleFacts, rng: RngMaker) -> NDArray[Any]:
        """(T, D) float.

        Raises:
            SampleError: no array of features.
        """
        try:
            values = decode_npy(data)
        except ValueError:
            raise SampleError("decode", self.member) from None
        if values.ndim != 2 or values.dtype.kind != "f" or not len(values):
            raise SampleError("schema", self.member)
        if facts.frames and len(values) > facts.frames:
            raise SampleError("schema", self.member)
        if self.sampler is None:
            return values
        if self.use == "train":
            return values[self.sampler.choose(len(values), rng)]
        return values[self.sampler.views(len(values), 1)[0]]

    def placeholder(self, index: Index) -> NDArray[Any]:
        """One time step of nothing, as wide as the first sample.

        Raises:
            ConfigError: its features cannot be read.
        """
        columns = index.members[self._found(index)]
        row = int(np.flatnonzero(columns.size_bytes >= 0)[0])
        shard = int(index.shard[row])
        storage = Storage(index.sources)
        try:
            data = storage.read(
                int(index.shard_source[shard]),
                index.shards[shard],
                int(columns.offset[row]),
                int(columns.size_bytes[row]),
            )
            width = decode_npy(data).shape[1]
        except (IndexError, ValueError, VerifyError):
            raise ConfigError(
                f"the first sample's features `{self.features}` cannot be read",
                hint="`sign-etl verify` checks the build",
            ) from None
        finally:
            storage.close()
        return np.zeros((1, width), np.float32)
