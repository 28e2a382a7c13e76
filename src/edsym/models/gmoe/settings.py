"""Settings of the network: the section ``network`` of the configuration."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edsym.settings import Settings, setting


class NetworkSettings(Settings):
    """The network, PE-AG-GMoE."""

    section: ClassVar = "network"

    width: int = setting(256, "channels", ge=8, le=4096)
    """Length d of a spot's representation; a multiple of `heads`."""
    features: Literal["polar", "polar_log", "harmonics", "invariant"] = setting("polar")
    """What the encoder sees of a spot. `polar` is the paper's [r, θ, I]; ours are `polar_log`, [r, θ, log I];
    `harmonics`, [r, θ, log I] and sines and cosines of multiples of r and θ; `invariant` is the same without
    θ, blind to in-plane rotation."""
    point_channels: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = setting(
        (64, 64, 128), "channels", min_length=1, strict=False
    )
    """Output channels of the point-wise convolutions before the last one, which has `width`."""
    heads: int = setting(8, "heads", ge=1, le=64)
    """Attention heads of the Graphormer layers; they divide `width`."""
    aggregator_heads: int = setting(2, "heads", ge=1, le=64)
    """Attention heads of the aggregator; they divide `width`. The graph has the edges of all of them, so that
    many heads make it complete."""
    layers: int = setting(6, "layers", ge=1, le=48)
    """Graphormer layers; the aggregator has two layers, as in the paper."""
    experts: int = setting(6, "experts", ge=0, le=64)
    """Local experts of each mixture; one more expert is shared by all spots. With 0 (and `top_k` 0) that one
    is all, an ordinary feed-forward network."""
    top_k: int = setting(2, "experts", ge=0, le=64)
    """Local experts that each spot is sent to: 1 to `experts`, or 0 where there are none."""
    expert_width: int = setting(128, "channels", ge=1, le=8192)
    """Hidden channels of an expert; the shared one has as many."""
    graph: Literal["sparsemax", "threshold", "literal", "none"] = setting("sparsemax")
    """Edges out of attention. `sparsemax` has exact zeros, so that the paper's indicator A_ij > 0 holds as
    written; `threshold` takes A_ij > 1/N of softmax; `literal` takes A_ij > 0 of softmax, a complete graph;
    `none` has no graph: no degrees, no pair bias."""
    max_distance: int = setting(5, "edges", ge=1, le=32)
    """Longest shortest path that has an encoding of its own; pairs farther apart count as not connected."""
    log_adjacency: bool = setting(True)
    """Whether the pair bias has a term s·log A_ij. It is ours, and what lets the graph be learned; without it
    the bias has the paper's terms, distance and path, alone."""
    path_edges: Literal["weight", "presence"] = setting("weight")
    """What the path encoding sees of an edge: `weight`, ours, is its A_ij; `presence` is 1 for every edge:
    the encoding then says no more than the distance."""
    token_experts: Literal["every", "last"] = setting("every")
    """Layers in which the graph token has a mixture of experts of its own: `every` one, or the `last` alone.
    Elsewhere the token takes the experts of the spots."""
    max_degree: int = setting(64, "edges", ge=1, le=1024)
    """Largest degree that has an embedding of its own; larger ones share it."""
    dropout: float = setting(0.1, ge=0, lt=1)
    """Share of channels set to zero in training, behind each attention and each mixture."""
    spectra_width: int = setting(0, "channels", ge=0, le=4096)
    """Hidden channels of the network that reads the pair spectra, fine histograms of the geometry of all
    pairs of spots, into the graph token. 0, the paper's network, has none."""
    spectra_dropout: float = setting(0.4, ge=0, lt=1)
    """Share of these channels set to zero in training."""

    def _contradictions(self) -> Iterator[str]:
        for name in ("heads", "aggregator_heads"):
            heads = getattr(self, name)
            if self.width % heads:
                yield (f"network.{name}: {heads} is not allowed; it must divide network.width, {self.width}")
        if self.graph == "none":
            for name in ("log_adjacency", "path_edges"):
                value, default = getattr(self, name), type(self).model_fields[name].default
                if value != default:
                    yield (
                        f"network.{name}: {value!r} is not allowed with network.graph none, which has no "
                        f"pair bias; it must be {default!r}"
                    )
        if not min(1, self.experts) <= self.top_k <= self.experts:
            yield (
                f"network.top_k: {self.top_k} is not allowed; "
                f"it must be 1 to network.experts, {self.experts}, or both 0"
            )
